"""The kinds of column a profile knows, by the name they are stored under."""

from everloop.features.category_profile import CategoryProfile, LevelCounter
from everloop.features.number_profile import NumberCounter, NumberProfile, ProfileMismatchError

__all__ = [
    "COLUMN_PROFILES",
    "CategoryProfile",
    "ColumnProfile",
    "LevelCounter",
    "NumberCounter",
    "NumberProfile",
    "ProfileMismatchError",
]

ColumnProfile = NumberProfile | CategoryProfile

COLUMN_PROFILES: dict[str, type[NumberProfile] | type[CategoryProfile]] = {
    "number": NumberProfile,
    "category": CategoryProfile,
}
