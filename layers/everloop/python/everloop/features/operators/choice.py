"""Operators that choose one of their arguments: CASE, COALESCE, NULLIF."""

from dataclasses import replace

from sqlglot import exp

from everloop.features.expression import Operator
from everloop.features.graph import Graph, Tensor
from everloop.features.signature import EVERY_KIND, alike, cases


def _case_arguments(node: exp.Expr) -> list[exp.Expr]:
    branches = [part for branch in node.args["ifs"] for part in (branch.this, branch.args["true"])]
    return [*branches, node.args.get("default") or exp.Null()]


def _case_sql(*arguments: str) -> str:
    pairs = zip(arguments[:-1:2], arguments[1::2], strict=True)
    branches = " ".join(f"WHEN {condition} THEN {value}" for condition, value in pairs)
    return f"CASE {branches} ELSE {arguments[-1]} END"


def _case_onnx(graph: Graph, *arguments: Tensor) -> Tensor:
    """From the last branch to the first; a condition that is null chooses nothing."""
    result = arguments[-1]
    for index in range(len(arguments) - 3, -1, -2):
        result = graph.where(graph.is_true(arguments[index]), arguments[index + 1], result)
    return result


def _coalesce(graph: Graph, *arguments: Tensor) -> Tensor:
    result = arguments[-1]
    for value in reversed(arguments[:-1]):
        nullable = value.nullable and result.nullable
        result = replace(graph.where(graph.is_null(value), result, value), nullable=nullable)
    return result


def _nullif(graph: Graph, value: Tensor, unwanted: Tensor) -> Tensor:
    return graph.where(graph.op("Equal", value, unwanted), graph.null_like(value), value)


_SAME = alike(EVERY_KIND)

CHOICE: tuple[Operator, ...] = (
    Operator("CASE", exp.Case, cases, _case_sql, _case_onnx, arguments=_case_arguments),
    Operator("coalesce", exp.Coalesce, _SAME, lambda *values: f"coalesce({', '.join(values)})", _coalesce),
    Operator("nullif", exp.Nullif, _SAME, "nullif({}, {})".format, _nullif),
)
