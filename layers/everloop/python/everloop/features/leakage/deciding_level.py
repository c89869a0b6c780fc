"""A level that decides a class that is not the rule: all its rows have that class, and chance does not explain it."""

import math
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from everloop.contracts.tasks import Task
from everloop.features.leakage.sample import MINIMUM_ROWS, Column, is_null, is_number
from everloop.features.leakage.suspect import Suspect

MINIMUM_LEVEL_ROWS = 20
MAXIMUM_BASE_RATE = 0.5
"""Of the class; that all rows of a level have the usual class is usual."""
MAXIMUM_NUMBERS = 50
"""A column of more different numbers is measured, not coded."""
MAXIMUM_CHANCE = 1e-6
"""That some level of the column is so pure though it says nothing of the target (Bonferroni)."""


def deciding_levels(columns: Mapping[str, Column], target: Column, task: Task) -> Iterator[Suspect]:
    if task.answers_value or len(target) < MINIMUM_ROWS:
        return
    names, classes = np.unique(target, return_inverse=True)
    rates = np.bincount(classes) / len(classes)
    for column, values in columns.items():
        filled = ~is_null(values)
        levels, codes = np.unique(values[filled], return_inverse=True)
        if is_number(values) and len(levels) > MAXIMUM_NUMBERS:
            continue
        rows = np.bincount(codes, minlength=len(levels))
        level_classes = np.zeros(len(levels), np.intp)
        level_classes[codes] = classes[filled]
        pure = np.bincount(codes, classes[filled] == level_classes[codes], minlength=len(levels)) == rows
        base = rates[level_classes]
        by_chance = rows * np.log(base) + math.log(max(len(levels), 1))
        decides = pure & (rows >= MINIMUM_LEVEL_ROWS) & (base <= MAXIMUM_BASE_RATE)
        found = np.flatnonzero(decides & (by_chance <= math.log(MAXIMUM_CHANCE)))
        if len(found):
            level = found[rows[found].argmax()]
            count, rate = rows[level], base[level]
            yield Suspect(
                column,
                f"where it is {_shown(levels[level])}, the target is {_shown(names[level_classes[level]])}"
                f" in {count:,} of {count:,} rows, against {rate:.1%} of all rows",
                1.0,
            )


def _shown(value: Any) -> str:
    """
    >>> _shown(np.float64(1.0)), _shown(np.str_("yes"))
    ('1', "'yes'")
    """
    return f"{float(value):g}" if isinstance(value, np.number | np.bool_ | float) else repr(str(value)[:80])
