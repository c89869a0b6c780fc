"""A checked SQL expression as a small tree that knows its DuckDB and its ONNX form.

One rule makes the engines agree: **a number is finite or it is null**. Whatever is not (1/0, ln(0), sqrt(-1),
exp(1000)) is NULL, in every column, after every operator. Text has no null in ONNX, so '' is the null of text, on both
sides.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import ClassVar

from sqlglot import exp

from everloop.contracts.columns import ColumnType
from everloop.features.graph import NULL_NUMBER, NULL_TEXT, Graph, Tensor
from everloop.features.signature import KIND_OF_COLUMN, Kind, Signature

_SQL_TYPE = {Kind.NUMBER: "DOUBLE", Kind.BOOLEAN: "BOOLEAN", Kind.TEXT: "VARCHAR", Kind.TIMESTAMP: "TIMESTAMP"}
_EPOCH = datetime(1970, 1, 1)
_FLOAT32_TINY = 2.0**-149
_FLOAT32_STEP = 2.0**-23

FINITE = "list_filter([{}], lambda v: isfinite(v))[1]"
# A list, because `CASE WHEN isfinite(x) THEN x END` writes x twice: nested 30 deep that is 2^30 copies.

_COLUMN_SQL: dict[Kind, str] = {
    Kind.NUMBER: "CASE WHEN isfinite(CAST({0} AS DOUBLE)) THEN CAST({0} AS DOUBLE) END",  # thrice as fast as a list
    Kind.BOOLEAN: "CAST({0} AS BOOLEAN)",
    Kind.TEXT: "nullif(CAST({0} AS VARCHAR), '')",
    # By way of UTC microseconds: the same for TIMESTAMP, TIMESTAMPTZ (whatever the session's zone) and DATE.
    Kind.TIMESTAMP: "CASE WHEN isfinite({0}) THEN make_timestamp(epoch_us({0})) END",
}


def quote(identifier: str) -> str:
    """A name as a DuckDB identifier."""
    return '"' + identifier.replace('"', '""') + '"'


def operand(node: exp.Expr) -> list[exp.Expr]:
    """The one argument of an operator whose other parts are fixed."""
    return [node.this]


@dataclass(frozen=True)
class Operator:
    """One operator, whole: what users call it, where the parser puts it, its kinds, and its form in both engines."""

    name: str
    node: type[exp.Expr]
    signature: Signature
    duckdb: Callable[..., str]
    onnx: Callable[..., Tensor]
    overflows: bool = False
    """Finite numbers can give an infinite one."""
    undefined: bool = False
    """Finite numbers can give NaN, which ONNX takes for null as it is and DuckDB does not."""
    transparent: frozenset[int] = frozenset()
    """The places where a number that is not finite never gives a finite one: its check can wait until after this."""
    arguments: Callable[[exp.Expr], list[exp.Expr]] = lambda node: list(node.iter_expressions())
    """The parser's children in the order in which both forms take them."""
    settings: Callable[[exp.Expr], tuple[str, ...]] = lambda _: ()
    """What is fixed when the definition is read, a unit or a pattern: both forms take it before their arguments.
    Raises SignatureError."""


@dataclass(frozen=True)
class Literal:
    value: float | str | bool | datetime | None
    kind: Kind
    size: ClassVar[int] = 1
    unchecked: ClassVar[bool] = False
    infinite: ClassVar[bool] = False
    constant: ClassVar[bool] = True

    def to_duckdb(self) -> str:
        if self.value is None or self.value == NULL_TEXT:
            return f"CAST(NULL AS {_SQL_TYPE[self.kind]})"
        return _LITERAL_SQL[self.kind](self.value)

    def to_onnx(self, graph: Graph) -> Tensor:
        if self.value is None:
            tensor = graph.constant(NULL_TEXT if self.kind is Kind.TEXT else NULL_NUMBER)
        elif isinstance(self.value, datetime):
            tensor = graph.constant((self.value - _EPOCH).total_seconds())
        else:
            tensor = graph.constant(self.value if isinstance(self.value, str) else float(self.value))
        return Tensor(tensor.name, tensor.is_text, nullable=self.value in (None, NULL_TEXT))


_LITERAL_SQL: dict[Kind, Callable[..., str]] = {
    # The exponent makes DuckDB read a DOUBLE; without it 0.1 is a DECIMAL.
    Kind.NUMBER: lambda value: repr(value) if "e" in repr(value) else f"{value!r}e0",
    Kind.BOOLEAN: lambda value: "TRUE" if value else "FALSE",
    Kind.TEXT: lambda value: "'" + value.replace("'", "''") + "'",
    Kind.TIMESTAMP: lambda value: f"TIMESTAMP '{value.isoformat(sep=' ')}'",
}


@dataclass(frozen=True)
class Column:
    name: str
    type: ColumnType
    size: ClassVar[int] = 1
    unchecked: ClassVar[bool] = False
    infinite: ClassVar[bool] = False
    constant: ClassVar[bool] = False

    @property
    def kind(self) -> Kind:
        return KIND_OF_COLUMN[self.type]

    def to_duckdb(self) -> str:
        return _COLUMN_SQL[self.kind].format(quote(self.name))

    def to_onnx(self, graph: Graph) -> Tensor:
        return graph.input(self.name)


@dataclass(frozen=True)
class Call:
    operator: Operator
    arguments: tuple["Node", ...]
    kind: Kind
    settings: tuple[str, ...] = ()
    size: int = field(init=False)
    """Nodes of the tree."""
    unchecked: bool = field(init=False)
    """May it hold a number that is not finite, before the check?"""
    infinite: bool = field(init=False)
    """May it hold infinity, before the check?"""
    constant: bool = field(init=False)
    """Reads no column."""

    def __post_init__(self) -> None:
        operator = self.operator
        let_through = [argument for place, argument in enumerate(self.arguments) if place in operator.transparent]
        infinite = operator.overflows or any(argument.infinite for argument in let_through)
        unchecked = infinite or operator.undefined or any(argument.unchecked for argument in let_through)
        object.__setattr__(self, "size", 1 + sum(argument.size for argument in self.arguments))
        object.__setattr__(self, "unchecked", unchecked)
        object.__setattr__(self, "infinite", infinite)
        object.__setattr__(self, "constant", all(argument.constant for argument in self.arguments))

    def to_duckdb(self) -> str:
        return FINITE.format(self._form()) if self.unchecked else self._form()

    def to_onnx(self, graph: Graph) -> Tensor:
        """May hold infinity: what reads it, an operator or the graph's output, makes that null."""
        tensors = (self._tensor(graph, place, argument) for place, argument in enumerate(self.arguments))
        return self.operator.onnx(graph, *self.settings, *tensors)

    def _form(self) -> str:
        return self.operator.duckdb(*self.settings, *(self._sql(*argument) for argument in enumerate(self.arguments)))

    def _sql(self, place: int, argument: "Node") -> str:
        if isinstance(argument, Call) and place in self.operator.transparent:
            return argument._form()
        return argument.to_duckdb()

    def _tensor(self, graph: Graph, place: int, argument: "Node") -> Tensor:
        tensor = argument.to_onnx(graph)
        if argument.infinite and place not in self.operator.transparent:
            tensor = graph.finite(tensor)
        calculates = self.operator.overflows or self.operator.undefined
        return graph.hide(tensor) if calculates and _looks_like_zero_or_one(argument) else tensor


Node = Literal | Column | Call


def _looks_like_zero_or_one(node: Node) -> bool:
    """Might onnxruntime's optimizer take this constant for 0 or 1? (0 itself it may have: x + 0 is x.)"""
    if isinstance(node, Literal):
        value = node.value
        return isinstance(value, float) and (0 < abs(value) < _FLOAT32_TINY or abs(value - 1) < _FLOAT32_STEP)
    return node.constant


def columns_of(node: Node) -> set[str]:
    """Names of all columns that the expression reads."""
    if isinstance(node, Call):
        return set().union(*(columns_of(argument) for argument in node.arguments))
    return {node.name} if isinstance(node, Column) else set()


def call(operator: Operator, arguments: Sequence[Node], settings: tuple[str, ...] = ()) -> Call:
    """Apply the operator; a bare NULL takes the kind its place asks for. Raises SignatureError."""
    kinds, result = operator.signature([argument.kind for argument in arguments])
    typed = (
        Literal(None, kind) if argument.kind is Kind.NULL else argument
        for argument, kind in zip(arguments, kinds, strict=True)
    )
    return Call(operator, tuple(typed), result, settings)
