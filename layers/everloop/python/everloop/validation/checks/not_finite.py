"""Infinity, NaN, or a number such as 1e400 that no double holds."""

from everloop.contracts.columns import ColumnType
from everloop.validation.cells import Cell
from everloop.validation.checks.failure import Failure


def check(cell: Cell) -> Failure | None:
    if cell.column.type is not ColumnType.NUMBER:
        return None
    # The pass that makes the profile counts infinities and NaN as nulls that the file does not have.
    return Failure(f"NOT isfinite({cell.value})", "a finite number below 1.8e308", lambda _: True)
