"""Read one SQL expression into a checked tree, or say what in it cannot be a feature, where, and what works instead."""

import difflib
import functools
import math
import re
from collections.abc import Callable
from datetime import UTC, datetime

import sqlglot
from sqlglot import exp
from sqlglot.errors import ParseError, SqlglotError

from everloop.features.expression import Call, Literal, Node, call
from everloop.features.operators import OPERATORS, WAYS_AROUND, WITHOUT_ONNX
from everloop.features.operators.calendar import PARTS
from everloop.features.operators.cast import CASTS
from everloop.features.operators.text import ESCAPE, escaped
from everloop.features.signature import Kind, SignatureError

_MAXIMUM_SIZE = 500  # nodes, with the features it uses written out; DuckDB stops at 1,000 levels

_UNDERSTOOD = frozenset(
    {"this", "expression", "expressions", "ifs", "default", "low", "high"}  # what an operator's `arguments` reads
    | {"escape", "unit", "to"}  # what an operator's `settings` reads
    | {"typed", "safe", "ignore_nulls", "coalesce", "date_part_boundary"}  # set by sqlglot itself, as DuckDB means it
)

_INSTEAD = {"decimals": "round(x * 100) / 100", "symmetric": "the smaller end first"}

_PARTS: dict[str, type[exp.Expr]] = {part.name: part.node for part in PARTS} | {
    "dow": exp.DayOfWeek,
    "weekday": exp.DayOfWeek,
    "doy": exp.DayOfYear,
    "dayofmonth": exp.Day,
}


class RefusedError(Exception):
    """This node of the SQL cannot be in a feature."""

    def __init__(self, node: exp.Expr, problem: str) -> None:
        super().__init__(problem)
        self.node = node
        self.problem = problem


Lookup = Callable[[str], Node]
"""The column or feature of that name; raises LookupError with a message that names the nearest."""


def parse(sql: str, lookup: Lookup) -> Node:
    """Raises ValueError with one line: what is wrong, and at which character."""
    try:
        tree = sqlglot.parse_one(sql, dialect="duckdb")
        node = _read(tree, lookup)
    except RefusedError as refused:
        raise ValueError(f"{_place(refused.node, sql)}{refused.problem}") from refused
    except ParseError as error:
        column = error.errors[0].get("col") if error.errors else None
        raise ValueError(f"not a SQL expression{f' (character {column})' if column else ''}") from error
    except SqlglotError as error:
        raise ValueError("not a SQL expression: a quote or a comment is not closed") from error
    except RecursionError as error:
        raise ValueError("nested too deep; split it into several features") from error
    if not isinstance(node, Call) and node.kind is Kind.NULL:
        raise ValueError("is always NULL")
    return node


def _place(node: exp.Expr, sql: str) -> str:
    """Where in the user's own text; a few nodes, such as a bare `?`, carry no position."""
    starts = [item.meta["start"] for item in node.walk() if "start" in item.meta]
    if not starts:
        return ""
    start = min(starts)
    opening = re.search(r"(\w+)\s*\(\s*$", sql[:start])  # TRIM(, CAST( and a few others carry no position of their own
    if opening and isinstance(node, exp.Func) and opening[1].upper() in node.sql_names():
        start = opening.start()
    rest = sql[start:]
    return f"at character {start + 1}, {rest if len(rest) <= 40 else f'{rest[:37]}...'!r}: "


def _read(tree: exp.Expr, lookup: Lookup) -> Node:
    node = _without_sugar(tree)
    if type(node) in _LEAVES:
        return _LEAVES[type(node)](node, lookup)
    operator = OPERATORS.get(type(node))
    if operator is None:
        raise RefusedError(tree, _not_in_the_table(node))
    if strange := {key for key, value in node.args.items() if value} - _UNDERSTOOD:
        instead = "".join(f"; write {_INSTEAD[part]}" for part in sorted(strange & _INSTEAD.keys()))
        raise RefusedError(tree, f"{operator.name} cannot take {', '.join(sorted(strange))!r} here{instead}")
    try:
        arguments = [_read(argument, lookup) for argument in operator.arguments(node)]
        result = call(operator, arguments, operator.settings(node))
    except SignatureError as error:
        raise RefusedError(tree, f"{operator.name}: {error}") from error
    if result.size > _MAXIMUM_SIZE:
        raise RefusedError(tree, f"more than {_MAXIMUM_SIZE} operations, with the features it uses written out")
    return result


def _without_sugar(node: exp.Expr) -> exp.Expr:
    while type(node) in _SUGAR:
        plain = _SUGAR[type(node)](node)
        if plain is node:
            break
        node = plain
    return node


def _not_in_the_table(node: exp.Expr) -> str:
    class_in_snake_case = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", type(node).__name__)
    name = (node.name if isinstance(node, exp.Anonymous) else class_in_snake_case).lower()
    usable = {operator.name.lower(): operator.name for operator in OPERATORS.values()}
    near = difflib.get_close_matches(name, usable, n=1)
    if name in WITHOUT_ONNX:
        return (
            f"{name!r} cannot be compiled for serving, because ONNX has no operator for it; near: {WITHOUT_ONNX[name]}"
        )
    if name in WAYS_AROUND:
        remedy = f"write {WAYS_AROUND[name]}"
    elif near:
        remedy = f"did you mean {usable[near[0]]}?"
    else:
        remedy = f"features are made of {', '.join(usable.values())}"
    return f"{name!r} cannot be compiled for serving; {remedy}"


def _column(node: exp.Expr, lookup: Lookup) -> Node:
    if not isinstance(node.this, exp.Identifier) or node.args.get("table"):
        raise RefusedError(node, "a feature reads one row: name its columns, without a table and without *")
    try:
        return lookup(node.name)
    except LookupError as error:
        raise RefusedError(node, str(error.args[0])) from error


def _literal(node: exp.Expr, _: Lookup) -> Node:
    if node.is_string:
        return Literal(node.name, Kind.TEXT)
    number = float(node.name)
    if not math.isfinite(number):
        raise RefusedError(node, "a number is finite")
    return Literal(number, Kind.NUMBER)


def _timestamp(node: exp.Expr, _: Lookup) -> Node:
    """`TIMESTAMP '2024-01-31 12:00:00'` or `DATE '2024-01-31'`."""
    try:
        moment = datetime.fromisoformat(node.this.name)
    except ValueError as error:
        raise RefusedError(
            node, f"expected a timestamp such as '2024-01-31 12:00:00', got {node.this.name!r}"
        ) from error
    return Literal(moment.astimezone(UTC).replace(tzinfo=None) if moment.tzinfo else moment, Kind.TIMESTAMP)


_TIMESTAMP_TYPES = (exp.DataType.Type.TIMESTAMP, exp.DataType.Type.TIMESTAMPNTZ, exp.DataType.Type.DATE)

_LEAVES: dict[type[exp.Expr], Callable[[exp.Expr, Lookup], Node]] = {
    exp.Column: _column,
    exp.Literal: _literal,
    exp.Boolean: lambda node, _: Literal(bool(node.this), Kind.BOOLEAN),
    exp.Null: lambda *_: Literal(None, Kind.NULL),
    exp.Cast: _timestamp,
}


def _cast(node: exp.Expr) -> exp.Expr:
    """A timestamp in quotes stays, it is a literal; any other cast becomes the operator of its type."""
    target = node.args["to"]
    if node.this.is_string and target.this in _TIMESTAMP_TYPES:
        return node if type(node) is exp.Cast else exp.Cast(this=node.this, to=target)
    name = target.this.value if isinstance(target.this, exp.DataType.Type) else ""
    if name not in CASTS or target.expressions:
        raise RefusedError(node, f"'cast' to {target.sql('duckdb')} cannot be compiled for serving; {_OTHER_CASTS}")
    return CASTS[name](this=node.this, to=target)


_OTHER_CASTS = (
    "numbers are float64, a timestamp is a TIMESTAMP already, and ONNX writes numbers as text in its own way; "
    "known are CAST AS DOUBLE, TINYINT, SMALLINT, INTEGER, BIGINT, BOOLEAN and DATE"
)


def _case(node: exp.Expr) -> exp.Expr:
    """`CASE x WHEN a THEN …` → `CASE WHEN x = a THEN …`."""
    if not node.this:
        return node
    branches = [exp.If(this=exp.EQ(this=node.this, expression=i.this), true=i.args["true"]) for i in node.args["ifs"]]
    return exp.Case(ifs=branches, default=node.args.get("default"))


def _if(node: exp.Expr) -> exp.Expr:
    return exp.Case(ifs=[exp.If(this=node.this, true=node.args["true"])], default=node.args.get("false"))


def _in(node: exp.Expr) -> exp.Expr:
    """A list of plain literals stays; any other becomes `x = a OR x = b`, which is what SQL says it means."""
    levels = node.expressions
    if not levels:
        raise RefusedError(node, "IN takes a list of values: x IN ('a', 'b')")
    if all(isinstance(level, exp.Literal) and level.name for level in levels):
        return node
    equal: list[exp.Expr] = [exp.EQ(this=node.this, expression=level) for level in levels]
    return functools.reduce(lambda left, right: exp.Or(this=left, expression=right), equal)


def _is(node: exp.Expr) -> exp.Expr:
    if not isinstance(node.expression, exp.Null):
        raise RefusedError(node, "only IS NULL and IS NOT NULL are known; write = TRUE, = FALSE")
    return node


def _extract(node: exp.Expr) -> exp.Expr:
    return _part(node, node.name, node.expression)


def _part(node: exp.Expr, name: str, timestamp: exp.Expr) -> exp.Expr:
    if name.lower() not in _PARTS:
        raise RefusedError(node, f"known parts are {', '.join(_PARTS)}, not {name.lower()!r}")
    return _PARTS[name.lower()](this=timestamp)


def _anonymous(node: exp.Expr) -> exp.Expr:
    """Functions that sqlglot has no class for."""
    name, arguments = node.name.lower(), node.expressions
    if name in ("date_part", "datepart") and len(arguments) == 2 and arguments[0].is_string:
        return _part(node, arguments[0].name, arguments[1])
    if name in _PARTS and len(arguments) == 1:
        return _PARTS[name](this=arguments[0])
    if name in _PLACES and len(arguments) == 2:
        return _found(_PLACES[name])(exp.StartsWith(this=arguments[0], expression=arguments[1]))
    return node


def _power(node: exp.Expr) -> exp.Expr:
    """A square and a cube are products: onnxruntime computes them so under a constant exponent, DuckDB does not."""
    base, exponent = node.this, node.expression
    if not isinstance(exponent, exp.Literal) or exponent.is_string or float(exponent.name) not in (2, 3):
        return node
    square = exp.Mul(this=base, expression=base)
    return square if float(exponent.name) == 2 else exp.Mul(this=square, expression=base)


def _like(node: exp.Expr) -> exp.Expr:
    """`NOT LIKE` is NOT of LIKE."""
    if not node.args.get("negate"):
        return node
    return exp.Not(this=type(node)(**{key: value for key, value in node.args.items() if key != "negate"}))


def _escape(node: exp.Expr) -> exp.Expr:
    if not isinstance(node.this, exp.Like | exp.ILike):
        raise RefusedError(node, "ESCAPE belongs to LIKE and ILIKE")
    return type(node.this)(**node.this.args, escape=node.expression)


_PLACES = {"prefix": "{}%", "suffix": "%{}", "ends_with": "%{}"}


def _found(place: str) -> Callable[[exp.Expr], exp.Expr]:
    """`starts_with(s, 'ab')` → `s LIKE 'ab%'`."""

    def like(node: exp.Expr) -> exp.Expr:
        text = node.expression
        if not (text.is_string and text.name):
            raise RefusedError(node, "expected a text in quotes to look for: it becomes a part of the ONNX graph")
        pattern = exp.Literal.string(place.format(escaped(text.name)))
        return exp.Like(this=node.this, expression=pattern, escape=exp.Literal.string(ESCAPE))

    return like


_SUGAR: dict[type[exp.Expr], Callable[[exp.Expr], exp.Expr]] = {
    exp.Anonymous: _anonymous,
    exp.Paren: lambda node: node.this,
    exp.Case: _case,
    exp.Cast: _cast,
    exp.TryCast: _cast,
    exp.If: _if,
    exp.In: _in,
    exp.Is: _is,
    exp.Extract: _extract,
    exp.DayOfMonth: lambda node: exp.Day(this=node.this),
    exp.Pow: _power,
    exp.Like: _like,
    exp.ILike: _like,
    exp.Escape: _escape,
    exp.StartsWith: _found("{}%"),
    exp.EndsWith: _found("%{}"),
    exp.Contains: _found("%{}%"),
}
"""Another way to write what the table has → that; a node that is plain already comes back as it is."""
