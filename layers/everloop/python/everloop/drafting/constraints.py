"""What is worth demanding of every later file: never merely what this one happens to hold."""

import re
from typing import Any

from everloop.contracts.columns import Column, ColumnType
from everloop.drafting.facts import MAXIMUM_LEVELS, Facts

MINIMUM_ROWS = 1_000
"""In fewer rows, what was not seen may simply not have come yet."""
MINIMUM_LEVEL_ROWS = 10
FREQUENT_NULLS = 0.5

_SIGNED = re.compile(
    r"temp|lat|lon|lng|balance|profit|gain|loss|change|delta|diff|delay|deviation|score|margin|return|offset|growth"
    r"|net|celsius|residual|height|altitude|^alt$|^tz|dew|angle|position|^x$|^y$|^z$",
    re.IGNORECASE,
)
"""Names of what may well be negative, though it was not yet."""


def constrained(facts: Facts, type: ColumnType) -> Column:
    """The column with its constraints."""
    demands: dict[str, Any] = {"type": type}
    enough = facts.rows >= MINIMUM_ROWS
    if facts.is_whole and enough:
        demands["nullable"] = False
    if 0 < facts.null_share < FREQUENT_NULLS:
        demands["maximum_null_share"] = _rounded(max(2 * facts.null_share, facts.null_share + 0.05))
    if type in (ColumnType.NUMBER, ColumnType.INTEGER) and _is_never_negative(facts):
        demands["minimum"] = 0
    levels = [level for level, _ in facts.levels]
    few = 1 < facts.distinct <= MAXIMUM_LEVELS and facts.rarest >= MINIMUM_LEVEL_ROWS
    if type is ColumnType.CATEGORY and enough and few:
        demands["allowed"] = tuple(sorted(levels))
    return Column(**demands)


def _is_never_negative(facts: Facts) -> bool:
    """An upper bound is not even 1 for what was 0 and 1 so far: a year of the series goes on to 2."""
    return facts.minimum is not None and facts.minimum >= 0 and not _SIGNED.search(facts.name)


def _rounded(share: float) -> float:
    return min(round(share, 2), 1.0)
