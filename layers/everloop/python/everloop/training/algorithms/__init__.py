"""One file per algorithm, named as in the definition; the table of names is contracts.definition.ALGORITHMS."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Any, Protocol, cast

import numpy as np
import numpy.typing as npt

from everloop.contracts.definition import Task
from everloop.training.encoding import Codes


@dataclass(frozen=True)
class Rows:
    """What an algorithm learns from."""

    task: Task
    matrix: npt.NDArray[np.float32]
    """[n, numbers + codes of categories] with NaN for null numbers."""
    levels: Sequence[int]
    """Columns of the matrix that hold numbers of levels, in which no order lies."""
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
        """A fitted scikit-learn estimator over the encoded matrix.

        Of a kind that skl2onnx converts exactly, or for which the module registers a converter when it is imported.
        """


def load_algorithm(name: str) -> Algorithm:
    return cast(Algorithm, import_module(f"everloop.training.algorithms.{name.replace('-', '_')}"))
