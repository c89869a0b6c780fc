"""Adversarial rows for the parity proof: nulls everywhere, levels never seen, extremes, unicode, leap days."""

from collections.abc import Iterator, Mapping

import duckdb

from everloop.contracts.columns import ColumnType
from everloop.sql import fetch_number, identifier

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

_WILD_ROWS = 64
_MOST_REAL_ROWS = 256
_PLACE, _TURN = '"everloop place"', '"everloop turn"'


def create_probes(connection: duckdb.DuckDBPyConnection, columns: Mapping[str, ColumnType], *, table: str) -> None:
    """Fill the table `probes`: first a row of nulls, then every column walks all its values, again and again.

    Then rows of the table with a wild value in one column, or a few: where all are wild, one extreme drowns the rest.
    """
    connection.execute(
        f"create or replace temp table {PROBES_TABLE} as select {', '.join(_walks(columns))} "
        f"from range({_WILD_ROWS}) as t({_PLACE})"
    )
    count = fetch_number(connection.execute(f"select count(*) from {table}"))
    real = min(sum(len(_VALUES[kind][1]) for kind in columns.values()), count, _MOST_REAL_ROWS)
    connection.execute(
        f"insert into {PROBES_TABLE} select {', '.join(_with_wild_values(columns, real))} "
        f"from (select *, row_number() over () - 1 as {_PLACE} from {table}), range({real}) as turns({_TURN}) "
        f"where {_PLACE} = {_TURN} * {count} // {real} order by {_PLACE}"
    )


def _walks(columns: Mapping[str, ColumnType]) -> Iterator[str]:
    """SQL of each column: its values in turn, null first."""
    for place, (name, kind) in enumerate(columns.items()):
        literals = _VALUES[kind][1]
        # Each round begins at another value, at a pace of the column's own, so that values meet in many pairs.
        turn = f"({_PLACE} + {_PLACE} // {len(literals)} * {place}) % {len(literals)}"
        yield f"({_list(kind)})[1 + {turn}] as {identifier(name)}"


def _list(kind: ColumnType) -> str:
    """In a list, hundreds of columns take a tenth of the time that cases take."""
    sql_type, literals = _VALUES[kind]
    return f"cast([{', '.join(literals)}] as {sql_type}[])"


def _with_wild_values(columns: Mapping[str, ColumnType], rows: int) -> Iterator[str]:
    """SQL of each column, wild in the rows whose turn it is: each of all wild values has one."""
    turn = 0
    for name, kind in columns.items():
        sql_type, literals = _VALUES[kind]
        number = f"({_TURN} + {-turn % rows}) % {rows}"
        wild = f"({_list(kind)})[1 + {number}]"
        yield f"case when {number} < {len(literals)} then {wild} else cast({identifier(name)} as {sql_type}) end"
        turn += len(literals)
