"""From an uploaded file to its plain form and how to read that, or a refusal with a documented reason."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from everloop.contracts.batches import Format, Reading, some_of
from everloop.contracts.columns import Csv
from everloop.errors import BatchRejectedError
from everloop.reading.dialect import find_dialect
from everloop.reading.encodings import to_plain_text
from everloop.reading.formats import is_parquet, refuse_foreign, text_format
from everloop.reading.limits import Limits
from everloop.reading.readers.json_rows import json_columns
from everloop.reading.readers.parquet import parquet_columns
from everloop.reading.scan import explained
from everloop.reading.unpacking import find_compression, unpack
from everloop.sql import open_database, threads_for


def open_upload(
    upload: Path,
    *,
    hints: Csv,
    declared: Sequence[str],
    folder: Path,
    limits: Limits = Limits(),  # noqa: B008  # frozen
    looks_like: Reading | None = None,
) -> tuple[Path, Reading]:
    """The unpacked file, UTF-8 if it is text, and how to read it; it lies in `folder` or is `upload` itself.

    `declared` columns decide where a file can be read in several ways. Texts that were taken over from another file
    are meant as they were there: `looks_like` tells how. Raises BatchRejectedError.
    """
    size = upload.stat().st_size
    if size > limits.file_bytes:
        raise too_large(size, limits)
    if size == 0:
        raise BatchRejectedError("empty_file", "expected rows, got a file of 0 bytes; export it again")
    compression = find_compression(upload)
    packed = unpack(upload, compression, folder / "unpacked", limits) if compression else upload
    if packed.stat().st_size == 0:
        raise BatchRejectedError("empty_file", "expected rows, got a packed file without content; export it again")
    refuse_foreign(packed)
    if is_parquet(packed):
        plain, reading = packed, _read_parquet(packed, folder, limits)
    else:
        plain, reading = _read_text(packed, hints, declared, folder, limits)
    _check_columns(reading.columns, limits)
    # Most numbers of JSON are JSON's own, which have a point.
    is_of_json = looks_like is not None and looks_like.format.is_json
    decimal = "." if is_of_json else hints.decimal or (looks_like.decimal if looks_like else reading.decimal)
    return plain, reading.model_copy(update={"compression": compression, "decimal": decimal})


def too_large(size_bytes: int, limits: Limits) -> BatchRejectedError:
    return BatchRejectedError(
        "too_large", f"expected at most {limits.file_bytes} bytes, got {size_bytes}; split the file"
    )


def _read_parquet(path: Path, folder: Path, limits: Limits) -> Reading:
    reading = Reading(format=Format.PARQUET)
    with open_database(folder, threads=threads_for(path)) as database, explained(reading, path):
        columns = parquet_columns(database, path, limits)
    return reading.model_copy(update={"columns": tuple(columns)})


def _read_text(path: Path, hints: Csv, declared: Sequence[str], folder: Path, limits: Limits) -> tuple[Path, Reading]:
    plain, encoding, longest_line = to_plain_text(path, folder, hint=hints.encoding, limits=limits)
    kind = text_format(plain)
    reading = Reading(format=kind, encoding=encoding)
    dialect = find_dialect(plain, hints=hints, declared=declared, limits=limits) if kind is Format.DELIMITED else None
    # WARNING: DuckDB drops a last line that is longer than its buffer without a word.
    if kind is not Format.JSON_ARRAY and longest_line > limits.field_bytes:
        raise BatchRejectedError(
            "field_too_long",
            f"expected lines of at most {limits.field_bytes} bytes, got {longest_line}; is a quote open?",
        )
    if dialect:
        return plain, reading.model_copy(update=dialect._asdict())
    with open_database(folder, threads=threads_for(plain)) as database, explained(reading, plain):
        columns = json_columns(database, plain, kind, declared, limits)
    return plain, reading.model_copy(update={"columns": tuple(columns)})


def _check_columns(names: Sequence[str], limits: Limits) -> None:
    if not names:
        raise BatchRejectedError("no_rows", "expected columns and rows, got neither; export it again")
    if len(names) > limits.columns:
        expected = f"expected at most {limits.columns} columns, got {len(names)}"
        raise BatchRejectedError("too_many_columns", f"{expected}; drop those that the definition does not declare")
    twice = [name for name, count in Counter(name.lower() for name in names).items() if count > 1]
    if twice:
        raise BatchRejectedError(
            "duplicate_columns",
            f"expected each column once, got {some_of(twice)} more than once; case does not count; rename or drop them",
        )
