"""A row without the answer teaches nothing."""

from everloop.validation.cells import Cell
from everloop.validation.checks.failure import Failure


def check(cell: Cell) -> Failure | None:
    if not cell.is_target:
        return None
    return Failure(f"{cell.text} IS NULL", f"{cell.column.type}: the target of each row")
