"""Wasserstein distance in standard deviations of the reference: how far the mass has to be carried."""

import numpy as np

from everloop.monitoring.statistics.counts import Counts

SMALLEST_SCALE = 0.001
"""Keeps a constant column from dividing by zero; the value Evidently uses."""


def wasserstein(counts: Counts) -> float:
    """∫ |F - G| dx / standard deviation.

    Ramdas, García Trillos & Cuturi, "On Wasserstein two-sample testing", Entropy 19(2), 2017.
    """
    reference, current = counts.cumulative
    carried = np.abs(reference - current)[:-1] @ np.diff(counts.values)
    return float(carried / max(counts.scale, SMALLEST_SCALE))
