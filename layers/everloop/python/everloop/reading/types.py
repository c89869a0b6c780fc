"""How each declared type is read, stricter than a bare cast: 12.5 is no integer, 1_000 no number."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import NamedTuple, Self

from everloop.contracts.batches import Reading
from everloop.contracts.columns import Column, ColumnType, Csv
from everloop.reading.odd_numbers import odd_number
from everloop.sql import identifier, literal

SQL_TYPES = {
    ColumnType.NUMBER: "DOUBLE",
    ColumnType.INTEGER: "BIGINT",
    ColumnType.BOOLEAN: "BOOLEAN",
    ColumnType.CATEGORY: "VARCHAR",
    ColumnType.TEXT: "VARCHAR",
    ColumnType.TIMESTAMP: "TIMESTAMP",
}
"""What the lake keeps."""

EXPECTED = {
    ColumnType.NUMBER: "a number such as 12.5",
    ColumnType.INTEGER: "an integer from -2^63 to 2^63 - 1",
    ColumnType.BOOLEAN: "true or false",
    ColumnType.CATEGORY: "text",
    ColumnType.TEXT: "text",
    ColumnType.TIMESTAMP: "a timestamp such as 2026-01-31T12:00:00Z",
}

_INTEGERS = ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "UTINYINT", "USMALLINT", "UINTEGER")
_DECIMALS = ("DOUBLE", "FLOAT", "DECIMAL", "UBIGINT", "HUGEINT", "UHUGEINT")
_MOMENTS = ("TIMESTAMP", "TIMESTAMP_S", "TIMESTAMP_MS", "TIMESTAMP_NS", "DATE")


@dataclass(frozen=True)
class Meaning:
    """What the texts of a file mean beyond what they say."""

    decimal: str = "."
    missing: tuple[str, ...] = ()
    timestamp_format: tuple[str, ...] = ()
    has_json_numbers: bool = False
    """With a point, whatever sign the texts have."""

    @classmethod
    def of(cls, hints: Csv, reading: Reading) -> Self:
        return cls(reading.decimal, hints.missing, hints.timestamp_format, reading.format.is_json)


class Reader(NamedTuple):
    """SQL for one column of a file, read as a declared type."""

    value: str
    """In the declared type's SQL type; NULL when it is missing or cannot be read."""
    is_missing: str | None
    """Whether there is nothing to read, asked where `value` is NULL; None: there always is nothing then."""


def read_column(column: Column, delivered: str, sql: str, meaning: Meaning) -> Reader:
    """`sql` gives the value as delivered, in the DuckDB type `delivered`."""
    family = "LIST" if delivered.endswith("]") else delivered.split("(", maxsplit=1)[0]
    direct = _DIRECT.get(column.type, {}).get(family)
    if direct:
        is_missing = f"{sql} IS NULL"
        numbers = ", ".join(_numbers_of(meaning.missing)) if family in (*_INTEGERS, *_DECIMALS) else ""
        if not numbers:
            return Reader(direct.sql.format(sql=sql), is_missing if direct.can_fail else None)
        is_token = f"CAST({sql} AS DOUBLE) IN ({numbers})"
        value = f"CASE WHEN {is_token} THEN NULL ELSE {direct.sql.format(sql=sql)} END"
        return Reader(value, f"{is_missing} OR {is_token}")
    text = sql if family == "VARCHAR" else f"CAST({sql} AS VARCHAR)"
    if family != "VARCHAR":
        meaning = Meaning(missing=meaning.missing)  # DuckDB writes numbers and times in one way only
    return read_text(column, text, meaning)


def _numbers_of(tokens: Sequence[str]) -> Iterator[str]:
    """SQL for those that are numbers."""
    for token in tokens:
        with suppress(ValueError):
            yield f"'{float(token)}'::DOUBLE"


def joined_parts(parts: Sequence[str]) -> str:
    """SQL for the text that these columns make together; NULL where one of them is."""
    return " || ' ' || ".join(f"trim(CAST({identifier(part)} AS VARCHAR))" for part in parts)


def read_text(column: Column, text: str, meaning: Meaning) -> Reader:
    tokens = ", ".join(map(literal, meaning.missing))
    is_token = f" OR trim({text}) IN ({tokens})" if tokens else ""
    if column.type.is_textual:
        missing = f"{text} = ''{is_token}"
        return Reader(f"CASE WHEN {missing} THEN NULL ELSE {text} END", None)
    value = _FROM_TEXT[column.type](text, meaning, column.format or meaning.timestamp_format)
    numbers = ", ".join(_numbers_of(meaning.missing)) if column.type.is_numeric else ""
    if numbers:
        is_token += f" OR {_number(text, meaning, None)} IN ({numbers})"
    if tokens:
        value = f"CASE WHEN {is_token.removeprefix(' OR ')} THEN NULL ELSE {value} END"
    return Reader(value, f"{text} IS NULL OR trim({text}) = ''{is_token}")


def _number(text: str, meaning: Meaning, _: object) -> str:
    # With a decimal comma a point separates thousands, or nobody knows what.
    if meaning.decimal == ",":
        plain = f"TRY_CAST(replace({text}, ',', '.') AS DOUBLE)"
        is_odd = f"{odd_number(text)} OR contains({text}, '.')"
        if meaning.has_json_numbers:
            is_odd = f"{odd_number(text)} OR (contains({text}, '.') AND contains({text}, ','))"
        return f"CASE WHEN NOT ({is_odd}) THEN {plain} END"
    return f"CASE WHEN NOT ({odd_number(text)}) THEN TRY_CAST({text} AS DOUBLE) END"


def _integer(text: str, meaning: Meaning, _: object) -> str:
    """Whole digits keep all 64 bits; 1e3 and 2.5 pass through a double, where only integers below 2^53 are exact."""
    number = _number(text, meaning, None)
    point = "," if meaning.decimal == "," else "\\."
    return f"""CASE
        WHEN regexp_full_match({text}, '[+-]?[0-9]+') THEN TRY_CAST({text} AS BIGINT)
        WHEN regexp_full_match({text}, '\\s*[+-]?[0-9]+({point}0*)?\\s*')
        THEN TRY_CAST(regexp_extract({text}, '[+-]?[0-9]+') AS BIGINT)
        WHEN abs({number}) < {2**53} AND {number} % 1 = 0 THEN CAST({number} AS BIGINT) END"""


def _boolean(text: str, meaning: Meaning, _: object) -> str:
    word = f"lower(trim({text}))"
    return f"""CASE WHEN {word} IN ('true', 't', 'yes', 'y', '1', '1.0') THEN true
        WHEN {word} IN ('false', 'f', 'no', 'n', '0', '0.0') THEN false END"""


def _timestamp(text: str, meaning: Meaning, formats: tuple[str, ...]) -> str:
    moment = f"TRY_CAST(trim({text}) AS TIMESTAMPTZ) AT TIME ZONE 'UTC'"
    offset_s = f"epoch({moment}) - epoch(TRY_CAST(trim({text}) AS TIMESTAMP))"
    # A digit comes first, so 'infinity' and 'epoch' are none.
    moment = f"CASE WHEN trim({text}) BETWEEN '0' AND ':' AND abs({offset_s}) <= {_LARGEST_OFFSET_S} THEN {moment} END"
    if formats:
        listed = ", ".join(map(literal, formats))
        # With %z it gives a TIMESTAMPTZ, without a TIMESTAMP; where the time zone is UTC the cast is the same.
        moment = f"coalesce(CAST(try_strptime(trim({text}), [{listed}]) AS TIMESTAMP), {moment})"
    return _in_years(moment)


_LARGEST_OFFSET_S = 18 * 3600
"""ISO 8601 writes hours and minutes, and DuckDB takes +99:00 for an offset; none on earth is beyond 14 hours."""


def _in_years(moment: str) -> str:
    """Years beyond 9999 no other tool could read."""
    return f"CASE WHEN {moment} BETWEEN TIMESTAMP '0001-01-01' AND TIMESTAMP '9999-12-31 23:59:59' THEN {moment} END"


_FROM_TEXT: dict[ColumnType, Callable[[str, Meaning, tuple[str, ...]], str]] = {
    ColumnType.NUMBER: _number,
    ColumnType.INTEGER: _integer,
    ColumnType.BOOLEAN: _boolean,
    ColumnType.TIMESTAMP: _timestamp,
}


class _Direct(NamedTuple):
    sql: str
    can_fail: bool


_AS_DOUBLE = _Direct("CAST({sql} AS DOUBLE)", can_fail=False)
_AS_BIGINT = _Direct("CAST({sql} AS BIGINT)", can_fail=False)
_IF_WHOLE = _Direct(
    f"CASE WHEN {{sql}} = trunc({{sql}}) AND abs({{sql}}) < {2**63} THEN TRY_CAST({{sql}} AS BIGINT) END", can_fail=True
)
_AS_TIMESTAMP = _Direct(_in_years("TRY_CAST({sql} AS TIMESTAMP)"), can_fail=True)

_DIRECT: dict[ColumnType, dict[str, _Direct]] = {
    ColumnType.NUMBER: dict.fromkeys((*_INTEGERS, *_DECIMALS), _AS_DOUBLE),
    ColumnType.INTEGER: dict.fromkeys(_INTEGERS, _AS_BIGINT) | {"DOUBLE": _IF_WHOLE, "FLOAT": _IF_WHOLE},
    ColumnType.BOOLEAN: {"BOOLEAN": _Direct("{sql}", can_fail=False)},
    ColumnType.TIMESTAMP: dict.fromkeys(_MOMENTS, _AS_TIMESTAMP)
    | {"TIMESTAMP WITH TIME ZONE": _Direct(_in_years("({sql} AT TIME ZONE 'UTC')"), can_fail=True)},
}
"""Declared type → delivered type → SQL that takes the value as it is; all else is read as the text that shows it."""
