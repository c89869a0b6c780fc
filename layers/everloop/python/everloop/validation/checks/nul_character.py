"""A NUL inside a text: JSON and Parquet can carry one, later tools cut the text off there."""

from everloop.features.column_profile import CategoryProfile, ColumnProfile
from everloop.validation.cells import Cell
from everloop.validation.checks.failure import Failure


def check(cell: Cell) -> Failure | None:
    if not cell.column.type.is_textual:
        return None
    return Failure(f"contains({cell.value}, chr(0))", "text without NUL characters", _shows_none)


def _shows_none(profile: ColumnProfile) -> bool:
    return (
        isinstance(profile, CategoryProfile)
        and profile.names_every_level
        and not any("\0" in name for name in profile.counts)
    )
