"""A recommendation as a user declares it, `[recommendation]`, and how a request names the items it starts from."""

from collections.abc import Sequence

from pydantic import Field

from everloop.contracts.base import Contract

ITEMS = "items"
"""What a request and the graph call the items that somebody took already."""
HISTORY_ITEMS = 100
"""The newest of one user, which are looked at. On a year of online retail 100 find what all do, 50 a little less."""
SEPARATOR = "\x1f"
"""Between item ids in one text: ASCII's unit separator, which no id may hold."""


class Recommendation(Contract):
    items: int = Field(default=10, ge=1, le=100)
    """How many are recommended."""
    exclude_known: bool = False
    """Leave out what the user took already."""


def join_items(items: Sequence[str]) -> str:
    """Ids, newest last, as the graph takes them: newest first, and no more than are looked at.

    >>> join_items(["a", "b", "c"]).split(SEPARATOR)
    ['c', 'b', 'a']
    """
    return SEPARATOR.join(items[: -HISTORY_ITEMS - 1 : -1])
