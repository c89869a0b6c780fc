"""A level that the definition does not list."""

from everloop.validation.cells import Cell
from everloop.validation.checks.failure import Failure

MAXIMUM_LEVELS_SHOWN = 20


def check(cell: Cell) -> Failure | None:
    allowed = cell.column.allowed
    if not allowed:
        return None
    more = f", … ({len(allowed) - MAXIMUM_LEVELS_SHOWN} more)" if len(allowed) > MAXIMUM_LEVELS_SHOWN else ""
    return Failure(
        f"{cell.value} IS NOT NULL AND {cell.level} IS NULL",
        f"one of {', '.join(allowed[:MAXIMUM_LEVELS_SHOWN])}{more}",
        is_ruled_out=None,
    )
