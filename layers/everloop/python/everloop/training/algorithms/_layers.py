"""Models of weighted sums in ONNX in float64: in float32, sums of large terms lose what a probability is made of."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from onnx import TensorProto

from everloop.training.algorithms._graph import Graph, register

Layer = tuple[Any, Any]
"""Weights [inputs, outputs] and what is added [outputs]; negative sums become 0 between two layers."""


def register_layers(kind: type, layers_of: Callable[[Any], Sequence[Layer]], *, is_classifier: bool) -> None:
    def write(graph: Graph) -> None:
        _write(graph, layers_of(graph.fitted), is_classifier=is_classifier)

    register(kind, write, is_classifier=is_classifier)


def linear(fitted: Any) -> list[Layer]:
    coefficients = np.atleast_2d(fitted.coef_).T
    return [(coefficients, np.broadcast_to(fitted.intercept_, coefficients.shape[1:]))]


def network(fitted: Any) -> list[Layer]:
    return list(zip(fitted.coefs_, fitted.intercepts_, strict=True))


def _write(graph: Graph, layers: Sequence[Layer], *, is_classifier: bool) -> None:
    values = graph.node("Cast", graph.matrix, to=TensorProto.DOUBLE)
    for place, (weights, added) in enumerate(layers):
        values = graph.node("Relu", values) if place else values
        values = graph.node("MatMul", values, graph.constant(weights, TensorProto.DOUBLE))
        values = graph.node("Add", values, graph.constant(added, TensorProto.DOUBLE))
    if not is_classifier:
        graph.answer(values)
    elif len(layers[-1][1]) == 1:
        graph.answer(graph.node("Sigmoid", values), one=graph.constant([1.0], TensorProto.DOUBLE))
    else:
        graph.answer(graph.node("Softmax", values, axis=1))
