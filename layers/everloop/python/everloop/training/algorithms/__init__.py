"""One file per algorithm, named as in the definition; the table of names is contracts.definition.ALGORITHMS."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, cast

import numpy as np
import numpy.typing as npt

from everloop.contracts.tasks import Task
from everloop.training.encoding import Codes

if TYPE_CHECKING:
    from everloop.training.nodes import Nodes

Floats32 = npt.NDArray[np.float32]
Numbers = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Rows:
    """What an algorithm learns from."""

    task: Task
    matrix: npt.NDArray[np.float32]
    """[n, numbers + codes of categories] with NaN for null numbers."""
    levels: Sequence[int]
    """Columns of the matrix that hold numbers of levels, in which no order lies."""
    directions: Sequence[int] | None
    """Of each column of the matrix: 1 where the answer may not fall with it, -1 where it may not rise, else 0. None
    where no column has one."""
    target: npt.NDArray[Any]
    """Class index (int64) or value (float64), [n]."""
    seed: int


class Algorithm(Protocol):
    """A module with these three names."""

    SPACE: Mapping[str, Sequence[Any]]
    """The values a search may draw for each parameter; the first ones are the default."""
    CODES: Codes
    """What it wants categories to become."""

    def fit(self, rows: Rows, parameters: Mapping[str, Any]) -> Any:
        """A fitted scikit-learn estimator over the encoded matrix, which keeps the directions of the rows.

        Of a kind that skl2onnx converts exactly, or for which the module registers a converter when it is imported.
        """


def load_algorithm(name: str) -> Algorithm:
    return cast(Algorithm, import_module(f"everloop.training.algorithms.{name.replace('-', '_')}"))


class Histories(NamedTuple):
    """What somebody took, for each row."""

    taken: Floats32
    """[n, items] the summed weights of each item."""
    items: Numbers
    """[n, history] item numbers, filled up with the number after the last."""
    weights: Floats32
    """[n, history]"""


class HistoryTensors(NamedTuple):
    """The same as names in a graph."""

    taken: str
    items: str
    weights: str


class ItemScorer(Protocol):
    """What an algorithm of recommendations learned: scores of all items, [n, items]."""

    def score(self, histories: Histories) -> Floats32: ...

    def to_onnx(self, graph: "Nodes", histories: HistoryTensors) -> str: ...


class RecommendingAlgorithm(Protocol):
    """A module with these two names."""

    SPACE: Mapping[str, Sequence[Any]]
    """That of the history, HISTORY_SPACE, and its own."""

    def fit(self, matrix: Any, parameters: Mapping[str, Any], *, seed: int) -> ItemScorer:
        """From a sparse matrix [users, items] with a one for each interaction, the most popular items first."""


HISTORY_SPACE: Mapping[str, Sequence[float]] = {"decay": (0.99, 1.0, 0.97), "repeat": (0.2, 0.0, 0.5)}
"""How a history is weighed before an algorithm sees it. `decay`: what an item weighs, relative to the next newer one;
`repeat`: what it counts itself, for things that are taken again and again."""


def load_recommender(name: str) -> RecommendingAlgorithm:
    return cast(RecommendingAlgorithm, load_algorithm(name))
