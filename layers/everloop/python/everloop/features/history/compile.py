"""Read the expressions of [history] into checked SQL, or say what is wrong in them."""

import difflib
from collections.abc import Sequence
from typing import NamedTuple

from everloop.contracts.columns import ColumnType
from everloop.contracts.definition import Definition
from everloop.contracts.history import History, HistoryFeature
from everloop.errors import DefinitionError
from everloop.features.expression import Column, Node, columns_of
from everloop.features.history.aggregates import TABLE, Aggregate
from everloop.features.parse import parse
from everloop.features.signature import Kind
from everloop.sql import identifier


class CompiledHistory(NamedTuple):
    name: str
    feature: HistoryFeature
    aggregate: Aggregate
    value: str
    """DuckDB over one event: what is aggregated, null where the event does not count."""
    columns: frozenset[str]
    """Those that the value reads."""


def compile_history(definition: Definition) -> list[CompiledHistory]:
    """In the order of the definition; raises DefinitionError with one line for each history that is wrong."""
    compiled: list[CompiledHistory] = []
    problems: list[str] = []
    for name, history in definition.histories.items():
        try:
            value, columns = _value(definition, history)
        except ValueError as error:
            problems.append(f"history.{name}{error}")
            continue
        compiled.extend(
            CompiledHistory(each, feature, TABLE[history.call.aggregate], value, columns)
            for each, feature in history.features(name).items()
        )
    if problems:
        raise DefinitionError("\n".join(problems))
    return compiled


def entity_columns(definition: Definition, by: Sequence[str]) -> list[str]:
    """SQL for what names an entity, as a request gives it: '' is null, and integers come through a double."""
    forms = {
        ColumnType.CATEGORY: "nullif({}, '')",
        ColumnType.TEXT: "nullif({}, '')",
        ColumnType.INTEGER: "CAST(CAST({} AS DOUBLE) AS HUGEINT)",
        ColumnType.BOOLEAN: "{}",
    }
    return [forms[definition.columns[name].type].format(identifier(name)) for name in by]


def _value(definition: Definition, history: History) -> tuple[str, frozenset[str]]:
    aggregate, expression = history.call
    value = _parse(definition, ".value", expression) if expression else None
    condition = _parse(definition, ".where", history.where) if history.where else None
    if condition and condition.kind is not Kind.BOOLEAN:
        raise ValueError(f".where: expected a condition, got a {condition.kind}")
    if value and value.kind in (Kind.TIMESTAMP, Kind.TEXT) and not TABLE[aggregate].takes_any:
        hint = "; a condition is one, such as level = 'high'" if value.kind is Kind.TEXT else ""
        raise ValueError(f".value: {aggregate} takes a number, got a {value.kind}{hint}")
    read = frozenset().union(*(columns_of(node) for node in (value, condition) if node))
    if definition.data.target in read and not history.delay:
        raise ValueError(
            f": reads the target {definition.data.target!r}; declare the delay after which it is known, such as"
            " delay = '30 days'"
        )
    sql = _as_number(value) if value else "1"
    return (f"CASE WHEN {condition.to_duckdb()} THEN {sql} END" if condition else sql), read


def _as_number(value: Node) -> str:
    return f"CAST({value.to_duckdb()} AS DOUBLE)" if value.kind is Kind.BOOLEAN else value.to_duckdb()


def _parse(definition: Definition, place: str, sql: str) -> Node:
    def look_up(name: str) -> Node:
        if name in definition.columns:
            return Column(name, definition.columns[name].type)
        near = difflib.get_close_matches(name, definition.columns, n=1)
        hint = f"did you mean {near[0]!r}?" if near else "a history reads columns, not features"
        raise LookupError(f"unknown column {name!r}; {hint}")

    try:
        return parse(sql, look_up)
    except ValueError as error:
        raise ValueError(f"{place}: {error}") from error
