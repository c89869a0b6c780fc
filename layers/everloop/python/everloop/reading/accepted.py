"""Accepted rows in the lake as SQL: verified, in today's types, the newest of each row id."""

from collections.abc import Collection, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import duckdb

from everloop.contracts.datasets import DatasetBatch
from everloop.contracts.definition import Definition
from everloop.errors import IntegrityError, ObjectNotFoundError, UnusableRowsError
from everloop.ids import sha256_of
from everloop.reading.types import SQL_TYPES
from everloop.sql import identifier, literal
from everloop.stores.batches import BatchStore

BATCH = '"everloop batch"'
"""Which of the files a row came in, by its name, a number; the space keeps the name apart from any sane column's."""
PLACE = "file_row_number"
_READERS = 8
"""Threads that wait for files at once."""


def download_rows(batches: BatchStore, model: str, chosen: Sequence[DatasetBatch], folder: Path) -> list[Path]:
    """One file for each batch, named by its place; raises IntegrityError where the rows are gone, or are others than
    the batch was accepted with."""

    def download(number: int, batch: DatasetBatch) -> Path:
        file = folder / f"{number:06}.parquet"
        try:
            batches.download_rows(model, batch.batch_id, file)
        except ObjectNotFoundError as error:
            raise IntegrityError(f"batch {batch.batch_id!r}: accepted rows are gone; restore them: {error}") from error
        verify_rows(batch, file)
        return file

    with ThreadPoolExecutor(_READERS) as pool:
        return list(pool.map(download, range(len(chosen)), chosen))


def verify_rows(batch: DatasetBatch, path: Path) -> None:
    """Raises IntegrityError."""
    found = sha256_of(path)
    if batch.sha256 not in (None, found):
        raise IntegrityError(
            f"batch {batch.batch_id!r}: expected accepted rows with sha256 {batch.sha256}, got {found}; restore the "
            "version of the object that validation wrote"
        )


def every_row(files: Sequence[Path]) -> str:
    """SQL for the rows of these files, which are named by numbers, as they were written."""
    listed = ", ".join(literal(str(path)) for path in files)
    return f"read_parquet([{listed}], filename = true, file_row_number = true, union_by_name = true)"


def typed_rows(connection: duckdb.DuckDBPyConnection, definition: Definition, files: Sequence[Path]) -> str:
    """SQL for the rows of at least one file: each declared column, BATCH, and PLACE in its batch."""
    described = connection.execute(f"describe select * from {every_row(files)}").fetchall()
    columns = ", ".join(_typed(definition, {str(name).casefold() for name, *_ in described}))
    batch = f"cast(parse_filename(filename, true) as bigint) as {BATCH}"
    return f"(select {columns}, {batch}, {PLACE} from {every_row(files)})"


def _typed(definition: Definition, present: Collection[str]) -> Iterator[str]:
    """Each declared column in its type of today; null where it was declared after all these batches."""
    for name, column in definition.columns.items():
        value = identifier(name) if name.casefold() in present else "null"
        yield f"cast({value} as {SQL_TYPES[column.type]}) as {identifier(name)}"


@contextmanager
def readable(definition: Definition) -> Iterator[None]:
    """What cannot be cast to today's types becomes an UnusableRowsError."""
    try:
        yield
    except duckdb.ConversionException as error:
        raise UnusableRowsError(
            f"{definition.name}: rows accepted under an earlier definition cannot be read as today's types ({error}); "
            "give the column another name, or its old type"
        ) from error


def newest(definition: Definition) -> str:
    """A clause that leaves one row of each row id; '' without one."""
    if not definition.data.row_id:
        return ""
    key = ", ".join(identifier(name) for name in definition.data.row_id)
    latest = f"{identifier(definition.data.timestamp)} desc nulls last, " if definition.data.timestamp else ""
    return f"qualify row_number() over (partition by {key} order by {latest}{BATCH} desc, {PLACE} desc) = 1"
