"""Spread that outliers do not inflate."""

from collections.abc import Sequence
from statistics import median

_NORMAL = 1.4826
"""Makes the median absolute deviation of a normal distribution its standard deviation (Hampel 1974)."""


def spread_of(values: Sequence[float]) -> float:
    """
    >>> spread_of([1, 2, 3, 4, 1000])
    1.4826
    """
    middle = median(values)
    return _NORMAL * median([abs(value - middle) for value in values])
