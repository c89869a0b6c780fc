"""Matrix factorisation: a truncated singular value decomposition of who took what (PureSVD).

Cremonesi, Koren and Turrin, Performance of recommender algorithms on top-N recommendation tasks, RecSys 2010,
section 3.2: a user is the sum of the factors of the items of the history, so a new history needs no new fit.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import sparse  # type: ignore[import-untyped]  # scipy has no types
from sklearn.utils.extmath import randomized_svd
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]  # it has no types either

from everloop.training.algorithms import HISTORY_SPACE, Floats32, Histories, HistoryTensors
from everloop.training.nodes import Nodes

SPACE = {
    "factors": (64, 32, 128),
    "power": (0.5, 0.0, 1.0),
    **HISTORY_SPACE,
}
"""`power`: that the number of times somebody took an item is raised to; with 0 only whether it was taken counts."""
ITERATIONS = 7
"""By which a random subspace becomes that of the largest singular values (Halko, Martinsson and Tropp, SIAM Review
2011). NOTE: ARPACK, which scipy has for it, gives other vectors each time where the matrix has not so many."""


@dataclass(frozen=True)
class Factors:
    items: Floats32
    """[items, factors]"""

    def score(self, histories: Histories) -> Floats32:
        scores: Floats32 = ((histories.taken @ self.items) @ self.items.T).astype(np.float32)
        return scores

    def to_onnx(self, graph: Nodes, histories: HistoryTensors) -> str:
        items = graph.constant(self.items)
        return graph.node("Gemm", graph.node("MatMul", histories.taken, items), items, transB=1)


def fit(matrix: sparse.csr_array, parameters: Mapping[str, Any], *, seed: int) -> Factors:
    weighted = matrix.copy()
    weighted.sum_duplicates()
    weighted.data **= parameters["power"]
    factors = min(parameters["factors"], min(weighted.shape) - 1)
    # Sums of several threads have other last bits with each number of threads.
    with threadpool_limits(1, user_api="blas"):
        _, _, right = randomized_svd(weighted, factors, n_iter=ITERATIONS, random_state=seed)
    return Factors(np.ascontiguousarray(right.T, np.float32))
