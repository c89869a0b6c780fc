"""No value where the definition demands one."""

from everloop.validation.cells import Cell
from everloop.validation.checks.failure import Failure


def check(cell: Cell) -> Failure | None:
    if not cell.is_required:
        return None
    return Failure(f"{cell.text} IS NULL", f"{cell.column.type}, not empty")
