"""A number under the declared minimum."""

from everloop.features.column_profile import NumberProfile
from everloop.validation.cells import Cell
from everloop.validation.checks.failure import Failure


def check(cell: Cell) -> Failure | None:
    minimum = cell.column.minimum
    if minimum is None:
        return None
    return Failure(
        f"{cell.value} < {minimum!r}::DOUBLE",
        f"{cell.column.type} >= {minimum:g}",
        lambda profile: isinstance(profile, NumberProfile) and not profile.minimum < minimum,
    )
