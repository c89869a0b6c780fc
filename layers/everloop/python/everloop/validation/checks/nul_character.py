"""A NUL inside a text: JSON and Parquet can carry one, later tools cut the text off there."""

from everloop.validation.cells import Cell
from everloop.validation.checks.failure import Failure


def check(cell: Cell) -> Failure | None:
    if not cell.column.type.is_textual:
        return None
    return Failure(f"contains({cell.value}, chr(0))", "text without NUL characters")
