"""No value where the definition demands one."""

from everloop.validation.cells import Cell
from everloop.validation.checks.failure import Failure


def check(cell: Cell) -> Failure | None:
    if not cell.is_required:
        return None
    return Failure(cell.is_missing, f"{cell.column.type}, not empty", lambda profile: profile.nulls == 0)
