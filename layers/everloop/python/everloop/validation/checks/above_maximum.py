"""A number over the declared maximum."""

from everloop.validation.cells import Cell
from everloop.validation.checks.failure import Failure


def check(cell: Cell) -> Failure | None:
    maximum = cell.column.maximum
    if maximum is None:
        return None
    return Failure(f"{cell.value} > {maximum!r}::DOUBLE", f"{cell.column.type} <= {maximum:g}")
