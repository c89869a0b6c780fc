"""What a check looks for."""

from collections.abc import Callable
from typing import NamedTuple

from everloop.features.column_profile import ColumnProfile


class Failure(NamedTuple):
    condition: str
    """SQL, true for a value that fails."""
    expected: str
    is_ruled_out: Callable[[ColumnProfile], bool] | None
    """Whether a column's profile shows that no value of it fails; then nobody has to look at each. None: it never shows
    that, and each value is looked at."""
