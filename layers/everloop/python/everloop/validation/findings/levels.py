"""Levels of a category that one profile has and another lacks, where chance does not explain it."""

from everloop.features.column_profile import CategoryProfile
from everloop.features.profile import Profile

EXPECTED_ROWS = 20
"""A level of which so many rows were to be expected is absent by chance with a probability of e^-20."""


def found_only_in(one: CategoryProfile, other: CategoryProfile, minimum_share: float) -> list[str]:
    """Levels with that share in `one` that `other` lacks, most frequent first; none if `other` knows not all levels."""
    if other.other or not one.rows:
        return []
    lacked = [
        (rows, level)
        for level, rows in one.counts.items()
        if level not in other.counts
        and rows >= minimum_share * one.rows
        and rows / one.rows * other.rows >= EXPECTED_ROWS
    ]
    return [level for _, level in sorted(lacked, key=lambda found: (-found[0], found[1]))]


def category(profile: Profile | None, name: str) -> CategoryProfile | None:
    column = profile.columns.get(name) if profile else None
    return column if isinstance(column, CategoryProfile) else None
