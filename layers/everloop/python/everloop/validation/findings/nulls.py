"""Shares of nulls, as profiles have counted them."""

from everloop.features.profile import Profile


def null_share(profile: Profile | None, name: str) -> float | None:
    """None when the profile does not know the column, or has no rows."""
    column = profile.columns.get(name) if profile else None
    if column is None or not column.nulls + column.rows:
        return None
    return column.nulls / (column.nulls + column.rows)
