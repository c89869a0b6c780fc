"""Turn the rows of a request into the typed columns a model takes, with every wrong cell named at once."""

import difflib
import math
from collections.abc import Callable, Sequence
from datetime import MAXYEAR, UTC, datetime
from typing import Any

import numpy as np

from everloop.columns import Columns
from everloop.contracts.columns import Column, ColumnType
from everloop.contracts.definition import Definition
from everloop.contracts.rows import shown
from everloop.errors import InvalidRowsError

MAXIMUM_PROBLEMS = 100
"""More than a person reads; the count in the message stays exact."""
_INTEGER_BOUND = 2.0**63
"""What the lake's integer columns hold."""


def to_columns(rows: Sequence[dict[str, Any]], definition: Definition) -> Columns:
    """One array of shape [rows, 1] per input: float64 with NaN for null (timestamps: epoch seconds), or text with ''.

    Raises InvalidRowsError that lists row, column, expected and got of each wrong cell.
    """
    problems: list[dict[str, Any]] = []
    columns: Columns = {}
    missing = _missing_values(definition)
    for name, column in definition.inputs.items():
        read = _READERS[column.type]
        values = []
        for index, row in enumerate(rows):
            value = row.get(name)
            try:
                values.append(read(None if missing and _is_one_of(missing, value) else value, column))
            except ValueError as error:
                problems.append({"row": index, "column": name, "expected": str(error), "got": shown(value)})
        if not problems:
            dtype: Any = object if column.type.is_textual else np.float64
            columns[name] = np.array(values, dtype=dtype).reshape(-1, 1)
    problems += _unknown_columns(rows, definition)
    if problems:
        problems.sort(key=lambda problem: problem["row"])
        raise InvalidRowsError(
            f"{len(problems)} value(s) do not fit the definition of {definition.name!r}", problems[:MAXIMUM_PROBLEMS]
        )
    return columns


def _missing_values(definition: Definition) -> frozenset[str | float]:
    """What means null in uploads means null in requests: the model has learned it so."""
    return frozenset(spelling for token in definition.data.csv.missing for spelling in (token, _number_or(token)))


def _number_or(token: str) -> str | float:
    try:
        return float(token)
    except ValueError:
        return token


def _is_one_of(missing: frozenset[str | float], value: Any) -> bool:
    if isinstance(value, str):
        return value.strip() in missing
    return isinstance(value, int | float) and not isinstance(value, bool) and value in missing


def read_cell(value: Any, column: Column) -> Any:
    """A JSON value as the column's arrays hold it; raises ValueError that says what was expected."""
    return _READERS[column.type](value, column)


def _unknown_columns(rows: Sequence[dict[str, Any]], definition: Definition) -> list[dict[str, Any]]:
    known = definition.columns.keys()
    hints: dict[str, str] = {}
    problems = []
    for index, row in enumerate(rows):
        if row.keys() <= known:
            continue
        for name, value in row.items():
            if name in known:
                continue
            if name not in hints and len(hints) < MAXIMUM_PROBLEMS:  # a comparison takes long, a body holds many names
                hints[name] = _hint(name, list(known))
            expected = f"a declared column{hints.get(name, '')}"
            problems.append({"row": index, "column": name[:80], "expected": expected, "got": shown(value)})
    return problems


def _hint(name: str, known: list[str]) -> str:
    near = difflib.get_close_matches(name[:80], known, n=1)
    return f"; did you mean {near[0]!r}?" if near else ""


def _null(column: Column, stand_in: Any) -> Any:
    if not column.nullable:
        raise ValueError(f"{column.type}, not null")
    return stand_in


def _read_number(value: Any, column: Column) -> float:
    if value is None:
        return float(_null(column, math.nan))
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError(column.type)
    try:
        number = float(value)
    except OverflowError:
        raise ValueError("a number below 1.8e308") from None
    if not math.isfinite(number):
        raise ValueError("a finite number")
    if column.type is ColumnType.INTEGER and not (number.is_integer() and abs(number) < _INTEGER_BOUND):
        raise ValueError("an integer from -2^63 to 2^63")
    if column.minimum is not None and number < column.minimum:
        raise ValueError(f"{column.type} >= {column.minimum:g}")
    if column.maximum is not None and number > column.maximum:
        raise ValueError(f"{column.type} <= {column.maximum:g}")
    return number


def _read_boolean(value: Any, column: Column) -> float:
    if value is None:
        return float(_null(column, math.nan))
    if not isinstance(value, bool):
        raise ValueError("true or false")
    return float(value)


def _read_text(value: Any, column: Column) -> str:
    if value is None or value == "":
        return str(_null(column, ""))
    if not isinstance(value, str):
        raise ValueError(f"{column.type} (a JSON string)")
    if column.allowed is not None and value not in column.allowed:
        raise ValueError(f"one of {', '.join(column.allowed)}")
    if "\0" in value or not is_unicode(value):
        raise ValueError("text without NUL characters and lone surrogates")
    return value


def _read_timestamp(value: Any, column: Column) -> float:
    if value is None:
        return float(_null(column, math.nan))
    try:
        moment = parse_moment(value)
    except ValueError:
        raise ValueError("timestamp such as 2026-01-31T12:00:00Z") from None
    return moment.timestamp()


def parse_moment(value: Any) -> datetime:
    """An ISO 8601 text as a moment in UTC, which is assumed where no offset is given; raises ValueError."""
    try:
        moment = datetime.fromisoformat(value)
        moment = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
    except (TypeError, OverflowError) as error:  # no text; an offset that leads out of the years 1 to 9999
        raise ValueError(str(error)) from error
    if moment.year == MAXYEAR:
        raise ValueError("the last microseconds of 9999 are the year 10000 as floats")
    return moment


def is_unicode(text: str) -> bool:
    """False for lone surrogates, which JSON may escape and UTF-8 cannot carry."""
    return not any("\ud800" <= character <= "\udfff" for character in text)


_READERS: dict[ColumnType, Callable[[Any, Column], Any]] = {
    ColumnType.NUMBER: _read_number,
    ColumnType.INTEGER: _read_number,
    ColumnType.BOOLEAN: _read_boolean,
    ColumnType.CATEGORY: _read_text,
    ColumnType.TEXT: _read_text,
    ColumnType.TIMESTAMP: _read_timestamp,
}
