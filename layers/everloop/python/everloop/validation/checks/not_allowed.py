"""A level that the definition does not list."""

from everloop.sql import literal
from everloop.validation.cells import Cell
from everloop.validation.checks.failure import Failure

MAXIMUM_LEVELS_SHOWN = 20


def check(cell: Cell) -> Failure | None:
    allowed = cell.column.allowed
    if not allowed:
        return None
    levels = ", ".join(map(literal, allowed))
    more = f", … ({len(allowed) - MAXIMUM_LEVELS_SHOWN} more)" if len(allowed) > MAXIMUM_LEVELS_SHOWN else ""
    return Failure(f"{cell.value} NOT IN ({levels})", f"one of {', '.join(allowed[:MAXIMUM_LEVELS_SHOWN])}{more}")
