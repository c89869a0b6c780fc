"""What a curve over probabilities is, how its parameters are found, and how it is written as ONNX."""

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol, Self

import numpy as np
from onnx import NodeProto, TensorProto, helper

from everloop.metrics import Floats

SMALLEST = 1e-5
"""Probabilities are clipped here before a logarithm. Forests answer in steps of 6e-8 next to 1: nearer than this,
such a step could move the answer of a flat curve by more than the parity gate allows. Trees answer 0 exactly for a
class that no row of a leaf has: of that, too, no logarithm is to be had."""
_NEWTON_STEPS = 50
_CONVERGED = 1e-10


class Curve(Protocol):
    """A dataclass of its parameters."""

    @property
    def slope(self) -> float:
        """Over logits: 1 changes nothing, below 0 it would turn the ranking round."""

    @classmethod
    def fit(cls, score: Floats, target: Floats) -> Self:
        """The curve of the largest likelihood; `score` and `target` (class index) as for a metric."""

    def apply(self, score: Floats) -> Floats: ...

    def to_onnx(self, source: str, output: str) -> tuple[list[NodeProto], list[TensorProto]]:
        """Nodes and their initializers: float32 in and out, float64 between."""


def newton(objective: Callable[[Floats], tuple[float, Floats, Floats]], start: Sequence[float], rows: int) -> Floats:
    """The minimum of a convex function that gives its value, gradient [k] and Hessian [k, k], by halved steps."""
    found = np.array(start)
    value, gradient, hessian = objective(found)
    for _ in range(_NEWTON_STEPS):
        step = np.linalg.solve(hessian + 1e-9 * rows * np.eye(len(found)), gradient)
        while (better := objective(found - step))[0] > value and np.abs(step).max() > _CONVERGED:
            step /= 2
        found, (value, gradient, hessian) = found - step, better
        if np.abs(step).max() <= _CONVERGED:
            break
    return found


def nodes_of(
    steps: Sequence[tuple[str, Sequence[str], str]], constants: Mapping[str, float], source: str, output: str
) -> tuple[list[NodeProto], list[TensorProto]]:
    """Each step an operator, what it takes and what it gives, from `wide` to `calibrated`, in float64."""
    nodes = [helper.make_node("Cast", [source], [_name("wide")], to=TensorProto.DOUBLE)]
    nodes += [helper.make_node(kind, list(map(_name, takes)), [_name(gives)]) for kind, takes, gives in steps]
    nodes += [helper.make_node("Cast", [_name("calibrated")], [output], to=TensorProto.FLOAT)]
    return nodes, [helper.make_tensor(_name(n), TensorProto.DOUBLE, [], [value]) for n, value in constants.items()]


def _name(of: str) -> str:
    return f"calibration_{of}"
