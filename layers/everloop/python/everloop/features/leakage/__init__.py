"""Columns that look as if they were filled in once the target was known: a model of them is brilliant and useless.

Each detector is a file of its own. None can prove a leak; a person decides.
"""

from collections.abc import Mapping
from typing import Any

from numpy.typing import NDArray

from everloop.contracts.tasks import Task
from everloop.features.leakage.arrays import Typed, read_arrays
from everloop.features.leakage.deciding_level import deciding_levels
from everloop.features.leakage.linear_combination import linear_combination
from everloop.features.leakage.lone_predictor import SUSPICIOUS_STRENGTH, is_telling, lone_predictors
from everloop.features.leakage.sample import MINIMUM_ROWS, sample
from everloop.features.leakage.suspect import Suspect
from everloop.features.leakage.telling_words import telling_words

__all__ = [
    "MINIMUM_ROWS",
    "SUSPICIOUS_STRENGTH",
    "Suspect",
    "Typed",
    "deciding_levels",
    "is_telling",
    "linear_combination",
    "lone_predictors",
    "read_arrays",
    "sample",
    "suspects",
    "telling_words",
]


def suspects(columns: Mapping[str, NDArray[Any]], target: NDArray[Any], task: Task) -> list[Suspect]:
    """One for each suspected column, in the order of the columns: what the first detector that fires has to say.

    Columns [n] are float64 with NaN for null, or text with '' (or None); the target is either.
    """
    table, outcome = sample(columns, target)
    found: dict[str, Suspect] = {}
    for detect in (lone_predictors, telling_words, deciding_levels, linear_combination):
        for suspect in detect(table, outcome, task):
            found.setdefault(suspect.column, suspect)
    return [found[name] for name in columns if name in found]
