"""How each declared type is read from text, stricter than a bare cast: 12.5 is no integer, 0x10 no number."""

from typing import NamedTuple

from everloop.contracts.definition import ColumnType


class TypeReading(NamedTuple):
    sql_type: str
    read: str
    """SQL that reads `{text}`, or gives NULL."""
    expected: str


# DuckDB would take 1_000 for a number.
_NUMBER = "CASE WHEN NOT contains({text}, '_') THEN TRY_CAST({text} AS DOUBLE) END"

# Whole digits keep all 64 bits; 1e3 passes through a double, where only integers below 2^53 are exact.
_INTEGER = f"""
CASE WHEN regexp_full_match({{text}}, '[+-]?[0-9]+(\\.0*)?') THEN TRY_CAST({{text}} AS BIGINT)
     WHEN contains(lower({{text}}), 'e') AND abs({_NUMBER}) < {2**53} AND {_NUMBER} % 1 = 0
     THEN CAST({_NUMBER} AS BIGINT) END
"""

_BOOLEAN = """
CASE WHEN lower({text}) IN ('true', 't', 'yes', 'y', '1', '1.0') THEN true
     WHEN lower({text}) IN ('false', 'f', 'no', 'n', '0', '0.0') THEN false END
"""

# A digit comes first, so 'infinity' and 'epoch' are none; years beyond 9999 no other tool could read.
_MOMENT = "TRY_CAST({text} AS TIMESTAMPTZ) AT TIME ZONE 'UTC'"
_TIMESTAMP = f"""
CASE WHEN {{text}} BETWEEN '0' AND ':' AND {_MOMENT} BETWEEN TIMESTAMP '0001-01-01' AND TIMESTAMP '9999-12-31 23:59:59'
     THEN {_MOMENT} END
"""

READINGS: dict[ColumnType, TypeReading] = {
    ColumnType.NUMBER: TypeReading("DOUBLE", _NUMBER, "a number such as 12.5"),
    ColumnType.INTEGER: TypeReading("BIGINT", _INTEGER, "an integer from -2^63 to 2^63 - 1"),
    ColumnType.BOOLEAN: TypeReading("BOOLEAN", _BOOLEAN, "true or false"),
    ColumnType.CATEGORY: TypeReading("VARCHAR", "{text}", "text"),
    ColumnType.TEXT: TypeReading("VARCHAR", "{text}", "text"),
    ColumnType.TIMESTAMP: TypeReading("TIMESTAMP", _TIMESTAMP, "a timestamp such as 2026-01-31T12:00:00Z"),
}
