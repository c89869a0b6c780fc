"""Comparisons: null in, null out; text knows only = and <>, because ONNX cannot order it."""

from collections.abc import Callable

from sqlglot import exp

from everloop.features.expression import Operator
from everloop.features.graph import Graph, Tensor
from everloop.features.signature import EVERY_KIND, ORDERED_KINDS, Kind, Signature, alike

_EQUALITY = alike(EVERY_KIND, gives=Kind.BOOLEAN)
_ORDER = alike(ORDERED_KINDS, gives=Kind.BOOLEAN)


def _compare(onnx_operator: str) -> Callable[..., Tensor]:
    def comparison(graph: Graph, left: Tensor, right: Tensor) -> Tensor:
        return graph.truth(graph.op(onnx_operator, left, right), null_if=(left, right))

    return comparison


def _not_equal(graph: Graph, left: Tensor, right: Tensor) -> Tensor:
    return graph.truth(graph.op("Not", graph.op("Equal", left, right)), null_if=(left, right))


def _in(graph: Graph, value: Tensor, *levels: Tensor) -> Tensor:
    found = graph.op("Equal", value, levels[0])
    for level in levels[1:]:
        found = graph.op("Or", found, graph.op("Equal", value, level))
    return graph.truth(found, null_if=(value,))


def _operator(name: str, node: type[exp.Expr], signature: Signature, onnx: Callable[..., Tensor]) -> Operator:
    return Operator(name, node, signature, lambda left, right: f"({left} {name} {right})", onnx)


COMPARISON: tuple[Operator, ...] = (
    _operator("=", exp.EQ, _EQUALITY, _compare("Equal")),
    _operator("<>", exp.NEQ, _EQUALITY, _not_equal),
    _operator("<", exp.LT, _ORDER, _compare("Less")),
    _operator("<=", exp.LTE, _ORDER, _compare("LessOrEqual")),
    _operator(">", exp.GT, _ORDER, _compare("Greater")),
    _operator(">=", exp.GTE, _ORDER, _compare("GreaterOrEqual")),
    # The parser lets only literals that are not null come here; any other list it writes as `x = a OR x = b`.
    Operator("IN", exp.In, _EQUALITY, lambda value, *levels: f"({value} IN ({', '.join(levels)}))", _in),
)
