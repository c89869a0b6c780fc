"""Jensen-Shannon distance: the root of the mean divergence of two distributions from their mixture."""

import math

import numpy as np

from everloop.monitoring.statistics.counts import Counts


def jensen_shannon(counts: Counts) -> float:
    """√(½·KL(p‖m) + ½·KL(q‖m)), m = ½(p + q), natural logarithm: 0 … √ln 2 = 0.83.

    Lin, "Divergence measures based on the Shannon entropy", IEEE Trans. Inf. Theory 37(1), 1991.
    """
    divergence = 0.0
    shares = counts.shares
    mixture = (shares[0] + shares[1]) / 2
    for share in shares:
        there = share > 0
        divergence += float(share[there] @ np.log(share[there] / mixture[there])) / 2
    return math.sqrt(max(divergence, 0.0))
