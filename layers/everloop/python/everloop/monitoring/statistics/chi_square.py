"""Pearson's chi-square test: do two windows draw their levels from one distribution?"""

import math

import numpy as np
from numpy.typing import NDArray

from everloop.monitoring.statistics.counts import Counts

SMALLEST_EXPECTED = 5
"""Levels expected less often are pooled; Cochran, "Some methods for strengthening the common χ² tests", 1954."""

_ACCURACY = 1e-14
_MAXIMUM_TERMS = 100_000


def p_value(counts: Counts) -> float:
    """Of homogeneity, over the levels; rare ones are pooled into one."""
    table = _pooled(np.array([counts.reference, counts.current], np.float64))
    expected = table.sum(axis=1, keepdims=True) * table.sum(axis=0, keepdims=True) / table.sum()
    freedom = table.shape[1] - 1
    if freedom < 1:
        return 1.0
    return chi_square_tail(float((np.square(table - expected) / expected).sum()), freedom)


def _pooled(table: NDArray[np.float64]) -> NDArray[np.float64]:
    share = table.sum(axis=0) / table.sum()
    frequent = share * table.sum(axis=1).min() >= SMALLEST_EXPECTED
    rest = table[:, ~frequent].sum(axis=1, keepdims=True)
    return np.concatenate([table[:, frequent], rest], axis=1) if rest.any() else table[:, frequent]


def chi_square_tail(statistic: float, freedom: int) -> float:
    """P(χ² > statistic) = Q(freedom / 2, statistic / 2), the regularised upper incomplete gamma function.

    Series below the hump, Lentz's continued fraction above it: Press et al., Numerical Recipes, 3rd edition, § 6.2.
    """
    a, x = freedom / 2, statistic / 2
    if x <= 0:
        return 1.0
    scale = math.exp(-x + a * math.log(x) - math.lgamma(a))
    return 1.0 - scale * _lower_series(a, x) if x < a + 1 else scale * _upper_fraction(a, x)


def _lower_series(a: float, x: float) -> float:
    term = total = 1 / a
    for n in range(1, _MAXIMUM_TERMS):
        term *= x / (a + n)
        total += term
        if term < total * _ACCURACY:
            break
    return total


def _upper_fraction(a: float, x: float) -> float:
    smallest = 1e-300
    b = x + 1 - a
    c, d = 1 / smallest, 1 / b
    fraction = d
    for n in range(1, _MAXIMUM_TERMS):
        numerator = -n * (n - a)
        b += 2
        d = 1 / (numerator * d + b or smallest)
        c = b + numerator / c or smallest
        fraction *= c * d
        if abs(c * d - 1) < _ACCURACY:
            break
    return fraction
