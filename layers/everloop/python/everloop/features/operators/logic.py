"""SQL's three-valued logic (Kleene): false AND null is false, true OR null is true."""

from sqlglot import exp

from everloop.features.expression import Operator, operand
from everloop.features.graph import Graph, Tensor
from everloop.features.signature import EVERY_KIND, Kind, alike, all_of

_BOOLEANS = all_of(Kind.BOOLEAN, gives=Kind.BOOLEAN)


def _and(graph: Graph, left: Tensor, right: Tensor) -> Tensor:
    true = graph.op("And", graph.is_true(left), graph.is_true(right))
    if not (left.nullable or right.nullable):
        return graph.truth(true)
    return graph.either(true, graph.op("Or", graph.is_false(left), graph.is_false(right)))


def _or(graph: Graph, left: Tensor, right: Tensor) -> Tensor:
    true = graph.op("Or", graph.is_true(left), graph.is_true(right))
    if not (left.nullable or right.nullable):
        return graph.truth(true)
    return graph.either(true, graph.op("And", graph.is_false(left), graph.is_false(right)))


LOGIC: tuple[Operator, ...] = (
    Operator("AND", exp.And, _BOOLEANS, "({} AND {})".format, _and),
    Operator("OR", exp.Or, _BOOLEANS, "({} OR {})".format, _or),
    Operator("NOT", exp.Not, _BOOLEANS, "(NOT {})".format, Graph.negation),
    Operator(
        "IS NULL",
        exp.Is,
        alike(EVERY_KIND, gives=Kind.BOOLEAN),
        "({} IS NULL)".format,
        lambda graph, value: graph.truth(graph.is_null(value)),
        arguments=operand,
    ),
)
