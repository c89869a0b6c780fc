"""Arithmetic and elementary functions on float64."""

from collections.abc import Callable

from sqlglot import exp

from everloop.features.expression import Operator
from everloop.features.graph import Graph, Tensor
from everloop.features.signature import ORDERED_KINDS, Kind, alike, all_of

_NUMBERS = all_of(Kind.NUMBER, gives=Kind.NUMBER)


def _node(onnx_operator: str) -> Callable[..., Tensor]:
    return lambda graph, *arguments: graph.op(onnx_operator, *arguments)


def _extreme(onnx_comparison: str) -> Callable[..., Tensor]:
    """Fold from the left; a null loses to any value, as in DuckDB."""

    def fold(graph: Graph, first: Tensor, *rest: Tensor) -> Tensor:
        for other in rest:
            takes_over = graph.op("Or", graph.is_null(first), graph.op(onnx_comparison, other, first))
            first = graph.where(takes_over, other, first)
        return first

    return fold


def _join(function: str) -> Callable[..., str]:
    return lambda *arguments: f"{function}({', '.join(arguments)})"


ARITHMETIC: tuple[Operator, ...] = (
    Operator("+", exp.Add, _NUMBERS, "({} + {})".format, _node("Add"), overflows=True, transparent=True),
    Operator("-", exp.Sub, _NUMBERS, "({} - {})".format, _node("Sub"), overflows=True, transparent=True),
    Operator("*", exp.Mul, _NUMBERS, "({} * {})".format, _node("Mul"), overflows=True, transparent=True),
    # Not transparent: 1 / infinity is 0 again.
    Operator("/", exp.Div, _NUMBERS, "({} / {})".format, _node("Div"), overflows=True),
    Operator("unary -", exp.Neg, _NUMBERS, "(- {})".format, _node("Neg"), transparent=True),
    Operator("abs", exp.Abs, _NUMBERS, "abs({})".format, _node("Abs"), transparent=True),
    Operator("floor", exp.Floor, _NUMBERS, "floor({})".format, _node("Floor"), transparent=True),
    Operator("ceil", exp.Ceil, _NUMBERS, "ceil({})".format, _node("Ceil"), transparent=True),
    Operator("ln", exp.Ln, _NUMBERS, "ln({})".format, _node("Log"), overflows=True, transparent=True),
    # Not transparent: exp(-infinity) is 0 again.
    Operator("exp", exp.Exp, _NUMBERS, "exp({})".format, _node("Exp"), overflows=True),
    Operator("sqrt", exp.Sqrt, _NUMBERS, "sqrt({})".format, _node("Sqrt"), overflows=True, transparent=True),
    Operator("sin", exp.Sin, _NUMBERS, "sin({})".format, _node("Sin"), transparent=True),
    Operator("cos", exp.Cos, _NUMBERS, "cos({})".format, _node("Cos"), transparent=True),
    Operator("greatest", exp.Greatest, alike(ORDERED_KINDS), _join("greatest"), _extreme("Greater")),
    Operator("least", exp.Least, alike(ORDERED_KINDS), _join("least"), _extreme("Less")),
)
