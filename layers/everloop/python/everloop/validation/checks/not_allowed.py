"""A level that the definition does not list."""

from everloop.features.column_profile import CategoryProfile
from everloop.sql import literal
from everloop.validation.cells import Cell
from everloop.validation.checks.failure import Failure

MAXIMUM_LEVELS_SHOWN = 20


def check(cell: Cell) -> Failure | None:
    allowed = cell.column.allowed
    if not allowed:
        return None
    known = frozenset(allowed)
    levels = ", ".join(map(literal, dict.fromkeys(allowed)))
    more = f", … ({len(allowed) - MAXIMUM_LEVELS_SHOWN} more)" if len(allowed) > MAXIMUM_LEVELS_SHOWN else ""
    return Failure(
        # A cast to an enumeration looks a level up by its hash; NOT IN would compare each value with all levels.
        f"{cell.value} IS NOT NULL AND TRY_CAST({cell.value} AS ENUM ({levels})) IS NULL",
        f"one of {', '.join(allowed[:MAXIMUM_LEVELS_SHOWN])}{more}",
        lambda profile: isinstance(profile, CategoryProfile) and not profile.other and known.issuperset(profile.counts),
    )
