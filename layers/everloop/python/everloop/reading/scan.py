"""A plain file as a table expression that SQL reads in one streaming pass."""

import re
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from glob import escape
from pathlib import Path

import duckdb

from everloop.contracts.batches import Format, Reading
from everloop.errors import BatchRejectedError
from everloop.reading.limits import Limits
from everloop.reading.odd_numbers import has_odd_numbers
from everloop.reading.readers.delimited import delimited_table
from everloop.reading.readers.json_rows import json_table
from everloop.reading.readers.parquet import numbers_rows, parquet_table, parquet_types


@dataclass(frozen=True)
class Scan:
    table: str
    """SQL table expression over the file, with its columns by their names."""
    types: dict[str, str]
    """Delivered column → DuckDB type; VARCHAR for all of a text format, while Parquet keeps its own."""
    row_number: str
    """SQL for the row's place in the file, from 1."""


_TABLES: dict[Format, Callable[[Path, Reading, Limits], str]] = {
    Format.DELIMITED: delimited_table,
    Format.JSON_LINES: json_table,
    Format.JSON_ARRAY: json_table,
    Format.PARQUET: parquet_table,
}

_FAULTS: tuple[tuple[str, str], ...] = (
    ("Out of Memory Error", "too_large"),
    ("Expected Number of Columns", "ragged_rows"),
    ("Maximum line size", "field_too_long"),
    ("does not support a full read", "field_too_long"),
    ("maximum_object_size", "field_too_long"),
)
"""What DuckDB says of a file, and the reason it comes to; anything else is unreadable_file."""
REASONS = frozenset(reason for _, reason in _FAULTS) | {"unreadable_file"}

_NOT_THE_FILE = ("No space left on device", "Read-only file system")
_FAULTY_LINE = re.compile(
    r"CSV Error on Line: (?P<line>\d+)\n.*"
    r"(?P<fault>^(?:Expected Number of Columns|Value with unterminated quote|Maximum line size|Invalid unicode)[^\n]*)",
    re.DOTALL | re.MULTILINE,
)
"""Between the two stands the line itself, which may say anything; so the last fault is the one that is meant."""


def open_scan(
    database: duckdb.DuckDBPyConnection,
    plain: Path,
    reading: Reading,
    *,
    limits: Limits = Limits(),  # noqa: B008  # frozen
) -> Scan:
    """Nothing is read but a Parquet file's footer; raises BatchRejectedError: unreadable_file."""
    table = _TABLES[reading.format](plain, reading, limits)
    if reading.format is not Format.PARQUET:
        return Scan(table, dict.fromkeys(reading.columns, "VARCHAR"), "row_number() OVER ()")
    with explained(reading, plain):
        types = parquet_types(database, plain)
    return Scan(table, types, "file_row_number + 1" if numbers_rows(reading) else "row_number() OVER ()")


def open_quick_scan(
    plain: Path,
    reading: Reading,
    doubles: Collection[str],
    *,
    limits: Limits = Limits(),  # noqa: B008  # frozen
) -> Scan | None:
    """Delimited text with these columns read as DOUBLE at once, which is faster than by way of texts.

    It fails at the first text that is no number. None for other formats, and where DuckDB would read a text as a number
    that is none: it takes 2024_01 for 202401.
    """
    if reading.format is not Format.DELIMITED or reading.decimal != "." or has_odd_numbers(plain):
        return None
    types = {name: "DOUBLE" if name in doubles else "VARCHAR" for name in reading.columns}
    return Scan(delimited_table(plain, reading, limits, doubles=doubles), types, "row_number() OVER ()")


@contextmanager
def explained(reading: Reading, plain: Path) -> Iterator[None]:
    """What DuckDB cannot read in the file becomes a BatchRejectedError, whether it says so itself or through Arrow."""
    try:
        yield
    except (duckdb.Error, RuntimeError, MemoryError) as error:
        message = str(error) or "Out of Memory Error"
        is_foreign = not isinstance(error, duckdb.Error | MemoryError) and "ArrowArrayStream" not in message
        if is_foreign or any(sign in message for sign in _NOT_THE_FILE):
            raise
        raise _refusal(message, reading, plain) from error


def _refusal(message: str, reading: Reading, plain: Path) -> BatchRejectedError:
    faulty = _FAULTY_LINE.search(message)
    first_line = message.splitlines()[0]
    fault = faulty["fault"].rstrip(".") if faulty else first_line
    reason = next((reason for sign, reason in _FAULTS if sign in fault), "unreadable_file")
    if faulty:
        return BatchRejectedError(reason, f"line {faulty['line']}: {fault}; look at its quotes and delimiters")
    # The temporary path tells nobody anything.
    fault = fault.replace(str(plain), "the file").replace(escape(str(plain)), "the file")
    return BatchRejectedError(reason, f"it looks like {reading.format}, but: {fault}")
