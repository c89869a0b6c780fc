"""Arithmetic and elementary functions on float64."""

from collections.abc import Callable

from sqlglot import exp

from everloop.features.expression import Operator
from everloop.features.graph import Graph, Tensor
from everloop.features.signature import ORDERED_KINDS, Kind, alike, all_of

_STEPS_OF_A_WAVE = 1_000_000_000
"""sin and cos are rounded to 9 decimals: more than float32 holds, less than the engines disagree about."""

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


def _rounded(function: str) -> Callable[..., str]:
    # WARNING: do not drop the rounding. sin(pi) is 1e-16 in one engine and 0 in the other, and a tree splits there.
    return f"(floor({function}({{}}) * {_STEPS_OF_A_WAVE} + 0.5) / {_STEPS_OF_A_WAVE})".format


def _rounded_node(onnx_operator: str) -> Callable[..., Tensor]:
    def wave(graph: Graph, angle: Tensor) -> Tensor:
        steps, half = (graph.constant(value) for value in (float(_STEPS_OF_A_WAVE), 0.5))
        scaled = graph.op("Add", graph.op("Mul", graph.op(onnx_operator, angle), steps), half)
        return graph.op("Div", graph.op("Floor", scaled), steps)

    return wave


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
    Operator("sin", exp.Sin, _NUMBERS, _rounded("sin"), _rounded_node("Sin"), transparent=True),
    Operator("cos", exp.Cos, _NUMBERS, _rounded("cos"), _rounded_node("Cos"), transparent=True),
    Operator("greatest", exp.Greatest, alike(ORDERED_KINDS), _join("greatest"), _extreme("Greater")),
    Operator("least", exp.Least, alike(ORDERED_KINDS), _join("least"), _extreme("Less")),
)
