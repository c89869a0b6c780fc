"""SQL's three-valued logic (Kleene): false AND null is false, true OR null is true."""

from sqlglot import exp

from everloop.features.expression import Operator
from everloop.features.graph import Graph, Tensor
from everloop.features.signature import EVERY_KIND, Kind, alike, all_of

_BOOLEANS = all_of(Kind.BOOLEAN, gives=Kind.BOOLEAN)


def _and(graph: Graph, left: Tensor, right: Tensor) -> Tensor:
    """Unless one of them is false: the product, in which NaN stays NaN."""
    any_false = graph.op("Or", graph.is_false(left), graph.is_false(right))
    return graph.where(any_false, graph.constant(0.0), graph.op("Mul", left, right))


def _or(graph: Graph, left: Tensor, right: Tensor) -> Tensor:
    """Unless one of them is true: the sum, in which NaN stays NaN."""
    any_true = graph.op("Or", graph.is_true(left), graph.is_true(right))
    return graph.where(any_true, graph.constant(1.0), graph.op("Add", left, right))


def _not(graph: Graph, value: Tensor) -> Tensor:
    return graph.op("Sub", graph.constant(1.0), value)


LOGIC: tuple[Operator, ...] = (
    Operator("AND", exp.And, _BOOLEANS, "({} AND {})".format, _and),
    Operator("OR", exp.Or, _BOOLEANS, "({} OR {})".format, _or),
    Operator("NOT", exp.Not, _BOOLEANS, "(NOT {})".format, _not),
    Operator(
        "IS NULL",
        exp.Is,
        alike(EVERY_KIND, gives=Kind.BOOLEAN),
        "({} IS NULL)".format,
        lambda graph, value: graph.truth(graph.is_null(value)),
        arguments=lambda node: [node.this],
    ),
)
