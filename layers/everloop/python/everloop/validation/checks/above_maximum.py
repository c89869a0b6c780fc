"""A number over the declared maximum."""

from everloop.features.column_profile import NumberProfile
from everloop.validation.cells import Cell
from everloop.validation.checks.failure import Failure


def check(cell: Cell) -> Failure | None:
    maximum = cell.column.maximum
    if maximum is None:
        return None
    return Failure(
        f"{cell.value} > {maximum!r}::DOUBLE",
        f"{cell.column.type} <= {maximum:g}",
        lambda profile: isinstance(profile, NumberProfile) and not profile.maximum > maximum,
    )
