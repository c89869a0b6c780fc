"""Read a file of rows and predictions, which people bring with an imported model."""

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import duckdb
import numpy as np

from everloop.contracts.columns import Column, ColumnType
from everloop.contracts.definition import Definition
from everloop.contracts.imports import Reference, reference_key
from everloop.contracts.tasks import Task
from everloop.errors import BatchRejectedError, UnusableReferenceError
from everloop.features.compile import CompiledFeatures
from everloop.features.execute import read_raw_columns
from everloop.ids import sha256_of
from everloop.ports import ObjectStore
from everloop.reading.scan import Scan, explained, open_scan
from everloop.reading.types import EXPECTED, SQL_TYPES, Meaning, Reader, read_column
from everloop.reading.upload import open_upload
from everloop.sql import fetch_number, identifier
from everloop.training.importing.reference import ReferenceRows

_TABLE = "reference_rows"
_PREDICTION = "everloop prediction {}"
"""The space keeps it apart from any sane column's name."""


def read_reference(
    connection: duckdb.DuckDBPyConnection,
    landing: ObjectStore,
    reference: Reference,
    definition: Definition,
    compiled: CompiledFeatures,
    *,
    classes: list[Any],
) -> ReferenceRows:
    """Any format that may be uploaded; raises UnusableReferenceError, or ObjectNotFoundError."""
    predictions = _prediction_columns(reference, definition, classes)
    wanted = {name: definition.served_columns[name] for name in compiled.raw_columns}
    with TemporaryDirectory() as folder:
        file = Path(folder) / "reference"
        landing.download(reference_key(definition.name, reference.sha256), file)
        if (found := sha256_of(file)) != reference.sha256:
            raise UnusableReferenceError(f"{reference.file}: expected sha256 {reference.sha256}, got {found}")
        try:
            _fill(connection, definition, reference, file, wanted=wanted, predictions=predictions)
        except BatchRejectedError as error:
            raise UnusableReferenceError(f"{reference.file}: {error}") from error
    raw = read_raw_columns(connection, _TABLE, compiled)
    listed = ", ".join(identifier(_PREDICTION.format(place)) for place in range(len(predictions)))
    values = connection.execute(f"select {listed} from {_TABLE}").fetchnumpy().values()
    matrix = np.column_stack([np.asarray(value, dtype=np.float64) for value in values])
    return ReferenceRows(raw, matrix if definition.task is Task.MULTICLASS else matrix[:, 0])


def _prediction_columns(reference: Reference, definition: Definition, classes: list[Any]) -> list[str]:
    if definition.task is Task.MULTICLASS:
        return [f"{reference.prediction}_{label}" for label in classes]
    return [reference.prediction]


def _fill(
    connection: duckdb.DuckDBPyConnection,
    definition: Definition,
    reference: Reference,
    file: Path,
    *,
    wanted: dict[str, Column],
    predictions: list[str],
) -> None:
    prediction = Column(type=ColumnType.NUMBER, nullable=False)
    declared = [*definition.columns, *predictions]
    plain, reading = open_upload(file, hints=definition.data.csv, declared=declared, folder=file.parent)
    scan, meaning = open_scan(connection, plain, reading), Meaning.of(definition.data.csv, reading)
    missing = [name for name in (*wanted, *predictions) if name not in scan.types]
    if missing:
        raise UnusableReferenceError(
            f"{reference.file}: expected a column for each that a model may take, and {', '.join(predictions)};"
            f" got none called {', '.join(map(repr, missing))}"
        )
    columns = [(name, column, name) for name, column in wanted.items()]
    columns += [(name, prediction, _PREDICTION.format(place)) for place, name in enumerate(predictions)]
    readers = [(name, column, result, _reader(scan, name, column, meaning)) for name, column, result in columns]
    values = ", ".join(
        f"cast({reader.value} as {SQL_TYPES[column.type]}) as {identifier(result)}"
        for _, column, result, reader in readers
    )
    with explained(reading, plain):
        connection.execute(f"create or replace temp table {_TABLE} as select {values} from {scan.table}")
        faults = list(_faults(connection, scan, readers))
        rows = fetch_number(connection.execute(f"select count(*) from {_TABLE}"))
    if faults or not rows:
        raise UnusableReferenceError(f"{reference.file}: {'; '.join(faults) or 'it has no rows'}")


def _reader(scan: Scan, name: str, column: Column, meaning: Meaning) -> Reader:
    return read_column(column, scan.types[name], identifier(name), meaning)


def _faults(
    connection: duckdb.DuckDBPyConnection, scan: Scan, readers: list[tuple[str, Column, str, Reader]]
) -> Iterator[str]:
    """Values that are not of their type, and nulls where there may be none."""
    for name, column, _, reader in readers:
        missing = reader.is_missing or "true"
        allowed = f"({missing})" if column.nullable else "false"
        count = fetch_number(
            connection.execute(
                f"select count(*) from {scan.table} where ({reader.value}) is null and not coalesce({allowed}, false)"
            )
        )
        if count:
            yield f"column {name!r}: expected {EXPECTED[column.type]}, got something else in {count} rows"
