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
from everloop.features.operators import OPERATORS, WAYS_AROUND
from everloop.features.signature import Kind, SignatureError

_MAXIMUM_SIZE = 500  # nodes, with the features it uses written out; DuckDB stops at 1,000 levels

_UNDERSTOOD = frozenset(
    {"this", "expression", "expressions", "ifs", "default"}  # what an operator's `arguments` reads
    | {"typed", "safe", "ignore_nulls"}  # what sqlglot sets by itself and changes nothing here
)

_PARTS: dict[str, type[exp.Expr]] = {
    "epoch": exp.TimeToUnix,
    "minute": exp.Minute,
    "hour": exp.Hour,
    "dow": exp.DayOfWeek,
    "dayofweek": exp.DayOfWeek,
    "doy": exp.DayOfYear,
    "dayofyear": exp.DayOfYear,
    "day": exp.Day,
    "month": exp.Month,
    "year": exp.Year,
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
    rest = sql[min(starts) :]
    return f"at character {min(starts) + 1}, {rest if len(rest) <= 40 else f'{rest[:37]}...'!r}: "


def _read(tree: exp.Expr, lookup: Lookup) -> Node:
    node = _without_sugar(tree)
    if type(node) in _LEAVES:
        return _LEAVES[type(node)](node, lookup)
    operator = OPERATORS.get(type(node))
    if operator is None:
        raise RefusedError(tree, _not_in_the_table(node))
    if strange := {key for key, value in node.args.items() if value} - _UNDERSTOOD:
        raise RefusedError(tree, f"{operator.name} cannot take {', '.join(sorted(strange))!r} here")
    try:
        result = call(operator, [_read(argument, lookup) for argument in operator.arguments(node)])
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
    """`TIMESTAMP '2024-01-31 12:00:00'` or `DATE '2024-01-31'`; any other cast is refused."""
    if not (node.this.is_string and node.args["to"].this in _TIMESTAMP_TYPES):
        raise RefusedError(node, f"'cast' cannot be compiled for serving; write {WAYS_AROUND['cast']}")
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


def _between(node: exp.Expr) -> exp.Expr:
    if node.args.get("symmetric"):
        raise RefusedError(node, "write BETWEEN low AND high, without SYMMETRIC")
    low = exp.GTE(this=node.this, expression=node.args["low"])
    return exp.And(this=low, expression=exp.LTE(this=node.this, expression=node.args["high"]))


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
    part = node.name.lower()
    if part not in _PARTS:
        raise RefusedError(node, f"EXTRACT knows {', '.join(_PARTS)}, not {part!r}")
    return _PARTS[part](this=node.expression)


_SUGAR: dict[type[exp.Expr], Callable[[exp.Expr], exp.Expr]] = {
    exp.Paren: lambda node: node.this,
    exp.Between: _between,
    exp.Case: _case,
    exp.If: _if,
    exp.In: _in,
    exp.Is: _is,
    exp.Extract: _extract,
}
"""Another way to write what the table has → that; a node that is plain already comes back as it is."""
