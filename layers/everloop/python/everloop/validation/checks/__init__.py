"""The checks of a value, in the order they are tried: a value fails by the first that applies.

A check is a file of its own: `check(cell)` gives the SQL condition of failure and what was expected instead, or None
where the definition demands nothing. To add one: write it, list it here, describe it in docs/reason-codes.md.
"""

from collections.abc import Callable

from everloop.validation.cells import Cell
from everloop.validation.checks import (
    above_maximum,
    below_minimum,
    missing_value,
    not_allowed,
    not_finite,
    nul_character,
    target_missing,
    wrong_type,
)
from everloop.validation.checks.failure import Failure

CHECKS: dict[str, Callable[[Cell], Failure | None]] = {
    "target_missing": target_missing.check,
    "missing_value": missing_value.check,
    "wrong_type": wrong_type.check,
    "not_finite": not_finite.check,
    "below_minimum": below_minimum.check,
    "above_maximum": above_maximum.check,
    "nul_character": nul_character.check,
    "not_allowed": not_allowed.check,
}
