"""Names in a sentence."""

from collections.abc import Collection
from itertools import islice

MAXIMUM_NAMES = 5
MAXIMUM_CHARACTERS = 80


def listed(names: Collection[str]) -> str:
    """
    >>> listed(["a", "b"]), listed([]), listed("abcdefg")
    ("'a', 'b'", 'none', "'a', 'b', 'c', 'd', 'e' and 2 more")
    """
    shown = ", ".join(repr(name[:MAXIMUM_CHARACTERS]) for name in islice(names, MAXIMUM_NAMES))
    more = len(names) - MAXIMUM_NAMES
    return (shown or "none") + (f" and {more} more" if more > 0 else "")
