"""Arithmetic and elementary functions on float64."""

import math
from collections.abc import Callable

from sqlglot import exp

from everloop.features.expression import Operator
from everloop.features.graph import Graph, Tensor
from everloop.features.signature import ORDERED_KINDS, Kind, alike, all_of

_STEPS_OF_A_WAVE = 1e9
"""sin and cos are rounded to 9 decimals: more than float32 holds, less than the engines disagree about."""
_STEPS_OF_A_LOGARITHM = 1e12
"""log is rounded to 12 decimals, so that log(1000) is 3: the quotient of two natural logarithms is not."""
_ALMOST_HALF = 0.49999999999999994
"""The float64 before 0.5: adding 0.5 would take it to 1, and 2^52 + 1 up; this takes halves alone."""

_ALL = frozenset({0, 1})
_FIRST = frozenset({0})

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


def _in_steps(form: str, steps: float) -> Callable[..., str]:
    # WARNING: do not drop the rounding. sin(pi) is 1e-16 in one engine and 0 in the other, and a tree splits there.
    return f"(floor({form} * {steps!r} + 0.5) / {steps!r})".format


def _in_steps_onnx(onnx: Callable[..., Tensor], steps: float) -> Callable[..., Tensor]:
    def rounded(graph: Graph, *arguments: Tensor) -> Tensor:
        scaled = graph.op("Mul", onnx(graph, *arguments), graph.constant(steps))
        return graph.op("Div", graph.op("Floor", graph.op("Add", scaled, graph.constant(0.5))), graph.constant(steps))

    return rounded


def _ln(graph: Graph, number: Tensor) -> Tensor:
    """ReduceLogSum over one number calls the C library's log, as DuckDB does; Log has a log of its own."""
    return graph.op("ReduceLogSum", number, graph.integers(1), keepdims=1)


def _log(graph: Graph, base: Tensor, number: Tensor) -> Tensor:
    return graph.op("Div", _ln(graph, number), _ln(graph, base))


def _log_arguments(node: exp.Expr) -> list[exp.Expr]:
    """`log(base, x)`, or `log(x)` to base 10."""
    base, number = node.this, node.args.get("expression")
    return [base, number] if number else [exp.Literal.number(10), base]


def _exp(graph: Graph, exponent: Tensor) -> Tensor:
    """Pow calls the C library's pow, as DuckDB does; Exp has an exp of its own."""
    return graph.op("Pow", graph.constant(math.e), exponent)


def _power(graph: Graph, base: Tensor, exponent: Tensor) -> Tensor:
    """In floating point null ** 0 and 1 ** null are 1."""
    return graph.unless_null(graph.op("Pow", base, exponent), base, exponent)


def _trunc(graph: Graph, number: Tensor) -> Tensor:
    return graph.op("Sub", number, _remainder(graph, number, graph.constant(1.0)))


def _remainder(graph: Graph, dividend: Tensor, divisor: Tensor) -> Tensor:
    return graph.op("Mod", dividend, divisor, fmod=1)


def _whole_quotient(graph: Graph, dividend: Tensor, divisor: Tensor) -> Tensor:
    return _trunc(graph, graph.op("Div", dividend, divisor))


def _round(graph: Graph, number: Tensor) -> Tensor:
    """Halves away from zero, as SQL does; ONNX's own Round takes them to the even neighbour."""
    away = graph.op("Floor", graph.op("Add", graph.op("Abs", number), graph.constant(_ALMOST_HALF)))
    return graph.op("Mul", graph.op("Sign", number), away)


def _sign(graph: Graph, number: Tensor) -> Tensor:
    return graph.unless_null(graph.op("Sign", number), number)


ARITHMETIC: tuple[Operator, ...] = (
    Operator("+", exp.Add, _NUMBERS, "({} + {})".format, _node("Add"), overflows=True, transparent=_ALL),
    Operator("-", exp.Sub, _NUMBERS, "({} - {})".format, _node("Sub"), overflows=True, transparent=_ALL),
    Operator("*", exp.Mul, _NUMBERS, "({} * {})".format, _node("Mul"), overflows=True, transparent=_ALL),
    # 1 / infinity is 0 again.
    Operator("/", exp.Div, _NUMBERS, "({} / {})".format, _node("Div"), overflows=True, transparent=_FIRST),
    Operator("unary -", exp.Neg, _NUMBERS, "(- {})".format, _node("Neg"), transparent=_ALL),
    Operator("abs", exp.Abs, _NUMBERS, "abs({})".format, _node("Abs"), transparent=_ALL),
    Operator("floor", exp.Floor, _NUMBERS, "floor({})".format, _node("Floor"), transparent=_ALL),
    Operator("ceil", exp.Ceil, _NUMBERS, "ceil({})".format, _node("Ceil"), transparent=_ALL),
    Operator("trunc", exp.Trunc, _NUMBERS, "trunc({})".format, _trunc, transparent=_ALL),
    Operator("round", exp.Round, _NUMBERS, "round({})".format, _round, transparent=_ALL),
    Operator("sign", exp.Sign, _NUMBERS, "CAST(sign({}) AS DOUBLE)".format, _sign),
    Operator("%", exp.Mod, _NUMBERS, "({} % {})".format, _remainder, undefined=True, transparent=_FIRST),
    # DuckDB's own // divides whole numbers alone without a fraction; here every number is a DOUBLE.
    Operator("//", exp.IntDiv, _NUMBERS, "trunc({} / {})".format, _whole_quotient, undefined=True, transparent=_FIRST),
    Operator("ln", exp.Ln, _NUMBERS, "ln({})".format, _ln, overflows=True, transparent=_ALL),
    Operator(
        "log",
        exp.Log,
        _NUMBERS,
        _in_steps("(ln({1}) / ln({0}))", _STEPS_OF_A_LOGARITHM),
        _in_steps_onnx(_log, _STEPS_OF_A_LOGARITHM),
        overflows=True,
        arguments=_log_arguments,
    ),
    # Not transparent: exp(-infinity) is 0 again.
    Operator("exp", exp.Exp, _NUMBERS, f"pow({math.e!r}e0, {{}})".format, _exp, overflows=True),
    Operator("power", exp.Pow, _NUMBERS, "pow({}, {})".format, _power, overflows=True),
    Operator("sqrt", exp.Sqrt, _NUMBERS, "sqrt({})".format, _node("Sqrt"), undefined=True, transparent=_ALL),
    Operator(
        "sin",
        exp.Sin,
        _NUMBERS,
        _in_steps("sin({})", _STEPS_OF_A_WAVE),
        _in_steps_onnx(_node("Sin"), _STEPS_OF_A_WAVE),
        transparent=_ALL,
    ),
    Operator(
        "cos",
        exp.Cos,
        _NUMBERS,
        _in_steps("cos({})", _STEPS_OF_A_WAVE),
        _in_steps_onnx(_node("Cos"), _STEPS_OF_A_WAVE),
        transparent=_ALL,
    ),
    Operator("greatest", exp.Greatest, alike(ORDERED_KINDS), _join("greatest"), _extreme("Greater")),
    Operator("least", exp.Least, alike(ORDERED_KINDS), _join("least"), _extreme("Less")),
)
