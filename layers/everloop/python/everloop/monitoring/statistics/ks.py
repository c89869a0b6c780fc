"""Two-sample Kolmogorov-Smirnov: the largest distance between two distribution functions."""

import math

import numpy as np

from everloop.monitoring.statistics.counts import Counts

_TERMS = 100
_SERIES_FROM = (
    0.2  # below it the probability is 1 to more digits than float64 has, and the series would need more terms
)


def kolmogorov_smirnov(counts: Counts) -> float:
    """D = max |F - G|, between 0 and 1 (Smirnov 1948)."""
    reference, current = counts.cumulative
    return float(np.abs(reference - current).max())


def p_value(counts: Counts) -> float:
    """P(K > D·√(nm / (n + m))), asymptotic; too large, hence careful, where values repeat.

    Kolmogorov's series 2·Σ(-1)^(k-1)·exp(-2k²x²); Press et al., Numerical Recipes, 3rd edition, § 14.3.3.
    """
    n, m = float(counts.reference.sum()), float(counts.current.sum())
    return kolmogorov_tail(kolmogorov_smirnov(counts) * math.sqrt(n * m / (n + m)))


def kolmogorov_tail(x: float) -> float:
    """The survival function of Kolmogorov's distribution."""
    if x < _SERIES_FROM:
        return 1.0
    series = sum((1 if k % 2 else -1) * math.exp(-2 * k * k * x * x) for k in range(1, _TERMS + 1))
    return min(1.0, max(0.0, 2 * series))
