"""A row without the answer teaches nothing."""

from everloop.validation.cells import Cell
from everloop.validation.checks.failure import Failure


def check(cell: Cell) -> Failure | None:
    if not cell.is_target:
        return None
    return Failure(cell.is_missing, f"{cell.column.type}: the target of each row", lambda profile: profile.nulls == 0)
