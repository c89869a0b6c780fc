"""A value that cannot be read in the declared type."""

from everloop.validation.cells import Cell
from everloop.validation.checks.failure import Failure
from everloop.validation.types import READINGS


def check(cell: Cell) -> Failure | None:
    if cell.column.type.is_textual:
        return None
    return Failure(f"{cell.text} IS NOT NULL AND {cell.value} IS NULL", READINGS[cell.column.type].expected)
