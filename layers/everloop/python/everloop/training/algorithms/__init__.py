"""One file per algorithm, named as in the definition; the table of names is contracts.definition.ALGORITHMS."""

from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import Any, NamedTuple, Protocol, cast

from everloop.contracts.definition import Task


class Shape(NamedTuple):
    """The columns of the encoded matrix: numbers first, then the codes of categories."""

    numbers: int
    codes: int


class Algorithm(Protocol):
    """A module with these two names."""

    SPACE: Mapping[str, Sequence[Any]]
    """The values a search may draw for each parameter; the first ones are the default."""

    def build(self, task: Task, shape: Shape, parameters: Mapping[str, Any], seed: int) -> Any:
        """An unfitted scikit-learn estimator over the encoded matrix, of kinds that convert to ONNX exactly."""


def load_algorithm(name: str) -> Algorithm:
    return cast(Algorithm, import_module(f"everloop.training.algorithms.{name.replace('-', '_')}"))
