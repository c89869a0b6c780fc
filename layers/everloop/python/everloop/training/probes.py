"""Adversarial rows for the parity proof: nulls everywhere, levels never seen, extremes, unicode, leap days."""

from collections.abc import Mapping

import duckdb

from everloop.contracts.columns import ColumnType
from everloop.sql import identifier

PROBES_TABLE = "probes"

_NUMBERS = ("null", "0", "-1", "1e12", "-1e12", "1e-9", "16777217", "0.1")
_TIMESTAMPS = (
    "null",
    "timestamp '1900-01-01 00:00:00'",
    "timestamp '1969-12-31 23:59:59'",
    "timestamp '2000-02-29 12:30:00'",
    "timestamp '2024-12-31 23:59:59'",
    "timestamp '2100-02-28 06:00:01'",
)
_TEXTS = ("null", "'a level never seen'", "'Ünïcödé 字'", "' '", "'0'", "'NaN'")

_VALUES: dict[ColumnType, tuple[str, tuple[str, ...]]] = {
    ColumnType.NUMBER: ("double", _NUMBERS),
    ColumnType.INTEGER: ("bigint", ("null", "0", "-1", "9007199254740993", "-9007199254740993", "16777217")),
    ColumnType.BOOLEAN: ("boolean", ("null", "true", "false")),
    ColumnType.CATEGORY: ("varchar", _TEXTS),
    ColumnType.TEXT: ("varchar", _TEXTS),
    ColumnType.TIMESTAMP: ("timestamp", _TIMESTAMPS),
}
"""SQL type and literals by column type."""

_ROWS = 64


def create_probes(connection: duckdb.DuckDBPyConnection, columns: Mapping[str, ColumnType]) -> None:
    """Fill the table `probes`: first a row of nulls, then every column walks all its values, again and again."""
    rows = ", ".join(_row(number, columns) for number in range(_ROWS))
    names = ", ".join(map(identifier, columns))
    connection.execute(f"create or replace temp table {PROBES_TABLE} as select * from (values {rows}) as t({names})")


def _row(number: int, columns: Mapping[str, ColumnType]) -> str:
    cells = []
    for place, kind in enumerate(columns.values()):
        sql_type, literals = _VALUES[kind]
        # Each round begins at another value, at a pace of the column's own, so that values meet in many pairs.
        turn = number + number // len(literals) * place
        literal = literals[turn % len(literals)] if number else "null"
        cells.append(f"cast({literal} as {sql_type})")
    return f"({', '.join(cells)})"
