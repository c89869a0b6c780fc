"""A value that cannot be read in the declared type."""

from everloop.reading.types import EXPECTED
from everloop.validation.cells import Cell
from everloop.validation.checks.failure import Failure


def check(cell: Cell) -> Failure | None:
    if cell.is_unreadable is None:
        return None
    formats = cell.column.format
    expected = f"a timestamp written as {' or '.join(formats)}" if formats else EXPECTED[cell.column.type]
    # The pass that makes the profile looks for odd cells itself.
    return Failure(cell.is_unreadable, expected, lambda _: True)
