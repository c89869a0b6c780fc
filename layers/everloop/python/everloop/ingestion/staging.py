"""Read a file of any known format into a Parquet file of text columns, or refuse it with a documented reason."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import duckdb

from everloop.contracts.batches import explain_missing_columns
from everloop.contracts.definition import RESERVED_COLUMNS, Definition
from everloop.errors import BatchRejectedError
from everloop.ingestion.formats import is_gzip, sniff
from everloop.ingestion.limits import MAXIMUM_COLUMNS
from everloop.ingestion.readers import READERS
from everloop.ingestion.unpacking import gunzip, to_utf8
from everloop.sql import open_database

_DISK_FULL = "No space left on device"


def write_staged_rows(upload: Path, target: Path, definition: Definition, *, folder: Path) -> int:
    """Return the number of rows written to `target`; `folder` takes temporary files.

    Raises BatchRejectedError with one of the reasons in docs/reason-codes.md.
    """
    if upload.stat().st_size == 0:
        raise BatchRejectedError("empty_file", "expected rows, got a file of 0 bytes")
    plain = gunzip(upload, folder / "unpacked") if is_gzip(upload) else upload
    # UTF-16 has a NUL in every other byte; only as UTF-8 does its first character tell what it is.
    kind = sniff(plain)
    if kind.is_text:
        plain = to_utf8(plain, folder / "plain")
        kind = sniff(plain)
    with open_database(folder) as database:
        try:
            reader = READERS[kind](database, plain, definition.columns.keys())
            _check_columns(reader.columns, definition)
            wanted = [name for name in reader.columns if name not in RESERVED_COLUMNS]
            rows = reader.write(target, wanted)
        except duckdb.OutOfMemoryException as error:
            raise BatchRejectedError("too_large", "the file needs more memory than there is; split it") from error
        except duckdb.Error as error:
            if _DISK_FULL in str(error):
                raise
            raise BatchRejectedError(
                "unreadable_file", f"it looks like {kind}, but: {_first_line(error, plain)}"
            ) from error
    if rows == 0:
        raise BatchRejectedError("no_rows", "expected at least one row below the column names, got none")
    return rows


def _check_columns(names: Sequence[str], definition: Definition) -> None:
    if not names:
        raise BatchRejectedError("no_rows", "expected columns and rows, got neither")
    if len(names) > MAXIMUM_COLUMNS:
        raise BatchRejectedError("too_many_columns", f"expected at most {MAXIMUM_COLUMNS} columns, got {len(names)}")
    twice = [name for name, count in Counter(name.lower() for name in names).items() if count > 1]
    if twice:
        raise BatchRejectedError(
            "duplicate_columns",
            f"expected each column once, got {', '.join(map(repr, twice))} more than once; case does not count",
        )
    missing = explain_missing_columns(names, definition)
    if missing:
        raise BatchRejectedError("missing_columns", missing)


def _first_line(error: duckdb.Error, file: Path) -> str:
    """Without the temporary path, which tells nobody anything."""
    return str(error).splitlines()[0].replace(str(file), "the file")
