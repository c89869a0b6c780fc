"""CAST between numbers and booleans, and of a timestamp to its day.

A number that the type cannot hold becomes null: DuckDB's TRY_CAST. Its CAST would stop the training at one such row.
"""

from collections.abc import Sequence

from sqlglot import exp
from sqlglot.expressions import DataType

from everloop.features.expression import Operator, operand
from everloop.features.graph import NULL_NUMBER, Graph, Tensor
from everloop.features.operators.calendar import midnight
from everloop.features.signature import Kind, Signature, SignatureError, alike, all_of


class ToNumber(exp.Cast):
    """CAST(… AS DOUBLE)."""


class ToInteger(exp.Cast):
    """CAST(… AS INTEGER), or another type of whole numbers."""


class ToBoolean(exp.Cast):
    """CAST(… AS BOOLEAN)."""


class ToDate(exp.Cast):
    """CAST(… AS DATE), which here is the timestamp of its midnight."""


_BITS = {"TINYINT": 8, "SMALLINT": 16, "INT": 32, "BIGINT": 64}

CASTS: dict[str, type[exp.Cast]] = {
    "DOUBLE": ToNumber,
    **dict.fromkeys(_BITS, ToInteger),
    "BOOLEAN": ToBoolean,
    "DATE": ToDate,
}
"""By the parser's name for the type."""


def _from_number_to(kind: Kind) -> Signature:
    accepts = alike(frozenset({Kind.NUMBER, Kind.BOOLEAN}), gives=kind)

    def signature(kinds: Sequence[Kind]) -> tuple[list[Kind], Kind]:
        if Kind.TEXT in kinds:
            raise SignatureError(
                "ONNX stops at a text that is no number, where SQL has null; "
                "declare the column as a number, or write CASE s WHEN '1' THEN 1 WHEN …"
            )
        return accepts(kinds)

    return signature


def _type(node: exp.Expr) -> tuple[str]:
    target: DataType = node.args["to"]
    return (target.this.value,)


def _integer_sql(name: str, value: str) -> str:
    return f"CAST(TRY_CAST({value} AS {name}) AS DOUBLE)"


def _integer(graph: Graph, name: str, value: Tensor) -> Tensor:
    """Halves to the even neighbour, as DuckDB casts and ONNX rounds."""
    whole, limit = graph.op("Round", value), 2.0 ** (_BITS[name] - 1)
    not_below = graph.op("GreaterOrEqual", whole, graph.constant(-limit))
    held = graph.op("And", not_below, graph.op("Less", whole, graph.constant(limit)))
    return graph.where(held, whole, graph.constant(NULL_NUMBER))


def _boolean(graph: Graph, value: Tensor) -> Tensor:
    return graph.negation(graph.truth(graph.is_false(value), null_if=(value,)))


_DAY = all_of(Kind.TIMESTAMP, gives=Kind.TIMESTAMP)

CAST: tuple[Operator, ...] = (
    Operator(
        "CAST AS DOUBLE",
        ToNumber,
        _from_number_to(Kind.NUMBER),
        "CAST({} AS DOUBLE)".format,
        lambda _, value: value,
        arguments=operand,
    ),
    Operator(
        "CAST AS INTEGER",
        ToInteger,
        _from_number_to(Kind.NUMBER),
        _integer_sql,
        _integer,
        arguments=operand,
        settings=_type,
    ),
    Operator(
        "CAST AS BOOLEAN",
        ToBoolean,
        _from_number_to(Kind.BOOLEAN),
        "CAST({} AS BOOLEAN)".format,
        _boolean,
        arguments=operand,
    ),
    Operator("CAST AS DATE", ToDate, _DAY, "CAST(CAST({} AS DATE) AS TIMESTAMP)".format, midnight, arguments=operand),
)
