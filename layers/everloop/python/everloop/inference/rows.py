"""Turn the rows of a request into the typed columns a model takes, with every wrong cell named at once."""

import difflib
import math
from collections.abc import Callable, Iterable, Sequence
from datetime import MAXYEAR, UTC, datetime
from functools import partial
from types import NoneType
from typing import Any

import numpy as np

from everloop.columns import Columns
from everloop.contracts.columns import Column, ColumnType
from everloop.contracts.definition import Definition
from everloop.contracts.recommendation import ITEMS, SEPARATOR, join_items
from everloop.contracts.rows import shown
from everloop.errors import InvalidRowsError

MAXIMUM_PROBLEMS = 100
"""More than a person reads; the count in the message stays exact."""
_LISTED_LEVELS = 20
_ROWS_TOGETHER = 10
"""From here on a column is read as a whole; of fewer rows, each cell for itself is faster."""
_INTEGER_BOUND = 2.0**63
"""What the lake's integer columns hold."""


def to_columns(rows: Sequence[dict[str, Any]], definition: Definition) -> Columns:
    """One array of shape [rows, 1] per input: float64 with NaN for null (timestamps: epoch seconds), or text with ''.

    Raises InvalidRowsError that lists row, column, expected and got of each wrong cell.
    """
    problems: list[dict[str, Any]] = []
    inputs = definition.inputs
    missing = missing_values(definition)
    read: dict[str, Any] = {}
    given = _by_column(rows, inputs)
    for name, column in inputs.items():
        values = given.get(name) or [None] * len(rows)
        if missing:
            values = [None if is_missing(missing, value) else value for value in values]
        is_items = definition.recommendation is not None and name == ITEMS
        together = read_together(values, column) if len(values) >= _ROWS_TOGETHER and not is_items else None
        if together is not None:
            read[name] = together
            continue
        read_one = partial(_read_items, definition) if is_items else read_cell
        read[name] = cells = []
        for index, value in enumerate(values):
            try:
                cells.append(read_one(value, column))
            except ValueError as error:
                got = shown(rows[index].get(name))
                problems.append({"row": index, "column": name, "expected": str(error), "got": got})
    problems += _unknown_columns(rows, definition.columns.keys() | inputs.keys(), definition)
    if problems:
        problems.sort(key=lambda problem: problem["row"])
        raise InvalidRowsError(
            f"{len(problems)} value(s) do not fit the definition of {definition.name!r}", problems[:MAXIMUM_PROBLEMS]
        )
    textual = {name for name, column in inputs.items() if column.type.is_textual}
    numeric = [cells for name, cells in read.items() if name not in textual]
    numbers = iter(np.array(numeric, dtype=np.float64).reshape(len(numeric), len(rows), 1))  # one array is made faster
    return {
        name: np.array(cells, dtype=object).reshape(-1, 1) if name in textual else next(numbers)
        for name, cells in read.items()
    }


def _by_column(rows: Sequence[dict[str, Any]], inputs: Iterable[str]) -> dict[str, Sequence[Any]]:
    names = list(rows[0]) if rows else []
    if all(list(row) == names for row in rows):  # as programs write them, and three times faster
        return dict(zip(names, zip(*(row.values() for row in rows), strict=True), strict=True))
    return {name: [row.get(name) for row in rows] for name in inputs}


def missing_values(definition: Definition) -> frozenset[str | float]:
    """What means null in uploads means null in requests: the model has learned it so."""
    return frozenset(spelling for token in definition.data.csv.missing for spelling in (token, _number_or(token)))


def _number_or(token: str) -> str | float:
    try:
        return float(token)
    except ValueError:
        return token


def is_missing(missing: frozenset[str | float], value: Any) -> bool:
    if isinstance(value, str):
        return value.strip() in missing
    return isinstance(value, int | float) and not isinstance(value, bool) and value in missing


def read_cell(value: Any, column: Column) -> Any:
    """A JSON value as the column's arrays hold it; raises ValueError that says what was expected."""
    return _READERS[column.type](value, column)


def _read_items(definition: Definition, value: Any, column: Column) -> str:
    """The items that a user took, newest last, as the graph of a recommendation takes them."""
    if value is None:
        return ""
    target = definition.columns[definition.data.target]
    item = target.model_copy(update={"nullable": False, "allowed": None, "minimum": None, "maximum": None})
    if not isinstance(value, list):
        raise ValueError(f"a list of items, each a {item.type}")
    try:
        read = [read_cell(each, item) for each in value]
    except ValueError as error:
        raise ValueError(f"a list of items, each a {error}") from error
    items = read if item.type.is_textual else [str(int(each)) for each in read]
    if any(SEPARATOR in each for each in items):
        raise ValueError("a list of items without the control character U+001F")
    return join_items(items)


def read_together(values: Sequence[Any], column: Column) -> Any:
    """The cells of a column as `read_cell` reads each of them, ten times faster; None where one may be wrong."""
    reader = _TOGETHER.get(column.type)
    kinds = set(map(type, values))
    if reader is None or (NoneType in kinds and not column.nullable):
        return None
    return reader(values, kinds, column)


def _numbers_together(values: Sequence[Any], kinds: set[type], column: Column) -> Any:
    if not kinds <= {int, float, NoneType}:
        return None
    try:
        numbers = np.array(values, dtype=np.float64)
    except OverflowError:
        return None
    known = numbers[np.isfinite(numbers)]
    if len(known) != len(values) - (values.count(None) if NoneType in kinds else 0):
        return None
    if column.type is ColumnType.INTEGER and not ((known == np.floor(known)) & (np.abs(known) < _INTEGER_BOUND)).all():
        return None
    is_low = column.minimum is not None and (known < column.minimum).any()
    is_high = column.maximum is not None and (known > column.maximum).any()
    return None if is_low or is_high else numbers


def _booleans_together(values: Sequence[Any], kinds: set[type], column: Column) -> Any:
    return np.array(values, dtype=np.float64) if kinds <= {bool, NoneType} else None


def _texts_together(values: Sequence[Any], kinds: set[type], column: Column) -> Any:
    if not kinds <= {str, NoneType}:
        return None
    different = set(values)
    has_null = not different.isdisjoint({None, ""})
    different -= {None, ""}
    if (has_null and not column.nullable) or (column.allowed is not None and not different <= set(column.allowed)):
        return None
    joined = "".join(different)
    return None if "\0" in joined or not is_unicode(joined) else [value or "" for value in values]


def _unknown_columns(rows: Sequence[dict[str, Any]], known: set[str], definition: Definition) -> list[dict[str, Any]]:
    if known.issuperset(set().union(*rows)):
        return []
    hints: dict[str, str] = {}
    problems = []
    for index, row in enumerate(rows):
        if row.keys() <= known:
            continue
        for name, value in row.items():
            if name in known:
                continue
            if name not in hints and len(hints) < MAXIMUM_PROBLEMS:  # a comparison takes long, a body holds many names
                hints[name] = _hint(name, list(known), definition)
            expected = f"a declared column{hints.get(name, '')}"
            problems.append({"row": index, "column": name[:80], "expected": expected, "got": shown(value)})
    return problems


def _hint(name: str, known: list[str], definition: Definition) -> str:
    whole = next((whole for whole, column in definition.columns.items() if name in column.parts), None)
    if whole:
        return f"; this is a part of {whole!r}, which a request gives as one timestamp such as 2026-01-31T12:00:00Z"
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
        raise ValueError(f"one of {_listed(column.allowed)}")
    if "\0" in value or not is_unicode(value):
        raise ValueError("text without NUL characters and lone surrogates")
    return value


def _listed(levels: Sequence[str]) -> str:
    """The first of them: up to a hundred problems name them, and there may be thousands."""
    more = len(levels) - _LISTED_LEVELS
    return ", ".join(levels[:_LISTED_LEVELS]) + (f" and {more} more (/openapi.json has all)" if more > 0 else "")


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
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


_READERS: dict[ColumnType, Callable[[Any, Column], Any]] = {
    ColumnType.NUMBER: _read_number,
    ColumnType.INTEGER: _read_number,
    ColumnType.BOOLEAN: _read_boolean,
    ColumnType.CATEGORY: _read_text,
    ColumnType.TEXT: _read_text,
    ColumnType.TIMESTAMP: _read_timestamp,
}

_TOGETHER: dict[ColumnType, Callable[[Sequence[Any], set[type], Column], Any]] = {
    ColumnType.NUMBER: _numbers_together,
    ColumnType.INTEGER: _numbers_together,
    ColumnType.BOOLEAN: _booleans_together,
    ColumnType.CATEGORY: _texts_together,
    ColumnType.TEXT: _texts_together,
}
