"""Comparisons: null in, null out; text knows only = and <>, because ONNX cannot order it."""

from collections.abc import Callable

from sqlglot import exp

from everloop.features.expression import Operator
from everloop.features.graph import Graph, Tensor
from everloop.features.signature import EVERY_KIND, ORDERED_KINDS, Kind, Signature, alike

_EQUALITY = alike(EVERY_KIND, gives=Kind.BOOLEAN)
_ORDER = alike(ORDERED_KINDS, gives=Kind.BOOLEAN)


def _ordered(onnx_operator: str, opposite: str) -> Callable[..., Tensor]:
    def comparison(graph: Graph, left: Tensor, right: Tensor) -> Tensor:
        true, false = graph.op(onnx_operator, left, right), graph.op(opposite, left, right)
        return graph.truth(true, false=false, null_if=(left, right))

    return comparison


def _equal(graph: Graph, left: Tensor, right: Tensor) -> Tensor:
    equal = graph.op("Equal", left, right)
    if left.is_text and left.nullable and right.nullable:  # '' equals '', where NaN does not equal NaN
        equal = graph.op("And", equal, graph.op("Not", graph.is_null(left)))
    return graph.truth(equal, null_if=(left, right))


def _not_equal(graph: Graph, left: Tensor, right: Tensor) -> Tensor:
    return graph.negation(_equal(graph, left, right))


def _between(graph: Graph, value: Tensor, low: Tensor, high: Tensor) -> Tensor:
    true = graph.op("And", graph.op("GreaterOrEqual", value, low), graph.op("LessOrEqual", value, high))
    false = graph.op("Or", graph.op("Less", value, low), graph.op("Greater", value, high))
    if low.nullable or high.nullable:  # beyond the other end it is false, not null
        return graph.either(true, false)
    return graph.truth(true, false=false, null_if=(value,))


def _in(graph: Graph, value: Tensor, *levels: Tensor) -> Tensor:
    row = graph.op("Concat", *levels, axis=1, is_text=value.is_text)
    found = graph.op("ReduceMax", graph.op("Equal", value, row), graph.integers(1), keepdims=1)
    return graph.truth(found, null_if=(value,))


def _operator(name: str, node: type[exp.Expr], signature: Signature, onnx: Callable[..., Tensor]) -> Operator:
    return Operator(name, node, signature, lambda left, right: f"({left} {name} {right})", onnx)


COMPARISON: tuple[Operator, ...] = (
    _operator("=", exp.EQ, _EQUALITY, _equal),
    _operator("<>", exp.NEQ, _EQUALITY, _not_equal),
    _operator("<", exp.LT, _ORDER, _ordered("Less", "GreaterOrEqual")),
    _operator("<=", exp.LTE, _ORDER, _ordered("LessOrEqual", "Greater")),
    _operator(">", exp.GT, _ORDER, _ordered("Greater", "LessOrEqual")),
    _operator(">=", exp.GTE, _ORDER, _ordered("GreaterOrEqual", "Less")),
    Operator(
        "BETWEEN",
        exp.Between,
        _ORDER,
        "({} BETWEEN {} AND {})".format,
        _between,
        arguments=lambda node: [node.this, node.args["low"], node.args["high"]],
    ),
    # The parser lets only literals that are not null come here; any other list it writes as `x = a OR x = b`.
    Operator("IN", exp.In, _EQUALITY, lambda value, *levels: f"({value} IN ({', '.join(levels)}))", _in),
)
