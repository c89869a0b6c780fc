"""Levels of a category that one profile has and another lacks, where chance does not explain it."""

from everloop.features.column_profile import CategoryProfile
from everloop.features.profile import Profile

EXPECTED_ROWS = 20
"""A level of which so many rows were to be expected is absent by chance with a probability of e^-20."""


def gone(then: CategoryProfile, now: CategoryProfile, minimum_share: float) -> list[str]:
    """Levels of `then` with that share that `now` lacks, most frequent first; none when `now` knows not all levels."""
    if now.other or not then.rows:
        return []
    missed = [
        (rows, level)
        for level, rows in then.counts.items()
        if level not in now.counts
        and rows >= minimum_share * then.rows
        and rows / then.rows * now.rows >= EXPECTED_ROWS
    ]
    return [level for _, level in sorted(missed, key=lambda found: (-found[0], found[1]))]


def category(profile: Profile | None, name: str) -> CategoryProfile | None:
    column = profile.columns.get(name) if profile else None
    return column if isinstance(column, CategoryProfile) else None
