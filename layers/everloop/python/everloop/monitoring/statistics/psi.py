"""Population stability index: the symmetric divergence that credit scoring watches."""

import numpy as np

from everloop.monitoring.statistics.counts import Counts

BINS = 10
SMALLEST_SHARE = 1e-4
"""Stands for an empty bin, whose logarithm would be infinite."""


def psi(counts: Counts) -> float:
    """Σ (q - p)·ln(q / p) over the levels, or over the reference's deciles.

    Siddiqi, "Credit Risk Scorecards", Wiley 2006: below 0.1 no change, above 0.25 a large one.
    """
    reference, current = _deciles(counts) if len(counts.values) else counts.shares
    reference, current = np.maximum(reference, SMALLEST_SHARE), np.maximum(current, SMALLEST_SHARE)
    return float((current - reference) @ np.log(current / reference))


def _deciles(counts: Counts) -> tuple[np.ndarray, np.ndarray]:
    """Buckets joined at the reference's deciles; fewer bins where one value holds more than a tenth."""
    reference, current = counts.cumulative
    ends = np.unique(np.searchsorted(reference, np.linspace(0, 1, BINS + 1)[1:-1]))
    first, second = (np.diff(np.concatenate([[0.0], shares[ends], [1.0]])) for shares in (reference, current))
    return first, second
