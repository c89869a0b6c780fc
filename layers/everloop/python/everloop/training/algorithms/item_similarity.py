"""Item similarity: an item is recommended by the items of the history that the same users took.

Cosines of Deshpande and Karypis, Item-based top-N recommendation algorithms, TOIS 2004, shrunk as those of few users
in common by Bell and Koren, Scalable collaborative filtering, ICDM 2007, section 3.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import sparse  # type: ignore[import-untyped]  # scipy has no types

from everloop.training.algorithms import HISTORY_SPACE, Floats32, Histories, HistoryTensors
from everloop.training.nodes import Nodes

SPACE = {
    "neighbours": (50, 20, 100),
    "shrinkage": (10.0, 0.0, 50.0),
    **HISTORY_SPACE,
    "repeat": (1.0, 0.0, 2.0),
}
_ITEMS_AT_ONCE = 256


@dataclass(frozen=True)
class Neighbours:
    numbers: npt.NDArray[np.int32]
    """[items + 1, neighbours]; the last row is of no item."""
    similarities: Floats32
    """Of the same shape, the largest first; 0 for no neighbour."""

    def score(self, histories: Histories) -> Floats32:
        rows, items = histories.taken.shape
        numbers = self.numbers[histories.items].reshape(rows, -1)
        similarities = (self.similarities[histories.items] * histories.weights[:, :, None]).reshape(rows, -1)
        scores = np.zeros((rows, items + 1), np.float32)
        np.add.at(scores, (np.arange(rows)[:, None], numbers), similarities)
        return scores[:, :items]

    def to_onnx(self, graph: Nodes, histories: HistoryTensors) -> str:
        items = len(self.numbers) - 1
        last, flat = graph.constant(np.array([-1])), graph.constant(np.array([0, -1]))
        numbers = graph.node("Reshape", graph.node("Gather", graph.constant(self.numbers), histories.items), flat)
        similarities = graph.node("Gather", graph.constant(self.similarities), histories.items)
        weighted = graph.node("Mul", similarities, graph.node("Unsqueeze", histories.weights, last))
        rows = graph.node("Gather", graph.node("Shape", histories.taken), graph.constant(np.array([0])))
        zeros = graph.node("ConstantOfShape", graph.node("Concat", rows, graph.constant(np.array([items + 1])), axis=0))
        updates = graph.node("Reshape", weighted, flat)
        scores = graph.node("ScatterElements", zeros, numbers, updates, axis=1, reduction="add")
        return graph.columns(scores, items)


def fit(matrix: sparse.csr_array, parameters: Mapping[str, Any], *, seed: int) -> Neighbours:
    taken = matrix.copy()
    taken.sum_duplicates()
    taken.data[:] = 1
    items = taken.shape[1]
    by_item = sparse.csr_array(taken.T)
    users = taken.sum(axis=0)
    most = min(parameters["neighbours"], items - 1)
    numbers = np.full((items + 1, most), items, np.int32)
    similarities = np.zeros((items + 1, most), np.float32)
    for first in range(0, items, _ITEMS_AT_ONCE):
        block = np.arange(first, min(first + _ITEMS_AT_ONCE, items))
        common = (by_item[block] @ taken).toarray()
        common[np.arange(len(block)), block] = 0
        scale = np.sqrt(np.outer(users[block], users)) + parameters["shrinkage"]
        cosines = common / np.where(scale > 0, scale, 1)  # nobody took the item in these rows
        nearest = _largest(cosines, most)
        order = np.argsort(-np.take_along_axis(cosines, nearest, axis=1), axis=1, kind="stable")
        nearest = np.take_along_axis(nearest, order, axis=1)
        similarities[block] = np.take_along_axis(cosines, nearest, axis=1)
        numbers[block] = np.where(similarities[block] > 0, nearest, items)
    return Neighbours(numbers, similarities)


def _largest(values: npt.NDArray[np.float64], most: int) -> npt.NDArray[np.int64]:
    """Places [n, most] in each row, in their order; of equal values the first ones.

    NOTE: argpartition would take any of them, others with other instructions of the processor.
    """
    least = np.partition(values, -most, axis=1)[:, [-most]]
    above, equal = values > least, values == least
    wanted = most - above.sum(axis=1, keepdims=True)
    chosen = above | (equal & (equal.cumsum(axis=1) <= wanted))
    return np.nonzero(chosen)[1].reshape(len(values), most)
