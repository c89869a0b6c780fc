"""What a check looks for."""

from typing import NamedTuple


class Failure(NamedTuple):
    condition: str
    """SQL, true for a value that fails."""
    expected: str
