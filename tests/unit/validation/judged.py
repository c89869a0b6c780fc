"""Judged batches and their history, made from columns."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import duckdb
import numpy as np

from everloop.contracts.batches import BatchReport, BatchStatus, Format, Reading, RowCounts, Source
from everloop.contracts.columns import ColumnType
from everloop.contracts.definition import Definition
from everloop.features.profile import Profile
from everloop.sql import identifier
from everloop.validation.batch import JudgedBatch
from everloop.validation.history import History

RECEIVED_AT = datetime(2026, 3, 14, 9, 26, tzinfo=UTC)
_SQL_TYPES = {
    ColumnType.NUMBER: "DOUBLE",
    ColumnType.INTEGER: "BIGINT",
    ColumnType.BOOLEAN: "BOOLEAN",
    ColumnType.TIMESTAMP: "TIMESTAMP",
}
Values = Sequence[Any]


def define(columns: Mapping[str, Any], task: str = "regression", **data: Any) -> Definition:
    """The target is `y`."""
    raw = {"name": "pump", "task": task, "data": {"target": "y"} | data, "columns": columns}
    return Definition.model_validate(raw)


def profile_of(definition: Definition, columns: Mapping[str, Values]) -> Profile:
    arrays: dict[str, Any] = {}
    for name, values in columns.items():
        kind = definition.columns[name].type
        if kind.is_textual:
            arrays[name] = np.array(["" if value is None else value for value in values], object)
        elif kind is not ColumnType.TIMESTAMP:
            arrays[name] = np.array([np.nan if value is None else value for value in values], np.float64)
    return Profile.of(arrays, dict.fromkeys(arrays, 0.0))


@contextmanager
def judged(definition: Definition, columns: Mapping[str, Values], **changes: Any) -> Iterator[JudgedBatch]:
    """A batch whose rows are all accepted; columns that are not given are empty, as if the file lacked them."""
    rows = max(map(len, columns.values()), default=0)
    complete = {name: list(columns.get(name, [None] * rows)) for name in definition.columns}
    timestamp = definition.data.timestamp
    times = [value for value in complete[timestamp] if value] if timestamp else []
    with TemporaryDirectory() as folder, duckdb.connect() as database:
        path = Path(folder, "accepted.parquet")
        types = {name: _SQL_TYPES.get(column.type, "VARCHAR") for name, column in definition.columns.items()}
        selected = ", ".join(f"unnest($c{i}::{kind}[]) AS {identifier(n)}" for i, (n, kind) in enumerate(types.items()))
        parameters = {f"c{i}": values for i, values in enumerate(complete.values())}
        database.execute(f"CREATE TABLE rows AS SELECT {selected}", parameters)
        database.execute("COPY rows TO ? (FORMAT parquet)", [str(path)])
        batch = JudgedBatch(
            definition=definition,
            reading=Reading(format=Format.DELIMITED, columns=tuple(columns)),
            received_at=RECEIVED_AT,
            rows=RowCounts(delivered=rows, accepted=rows),
            problems=(),
            profile=profile_of(definition, complete),
            first_timestamp=min(times, default=None),
            last_timestamp=max(times, default=None),
            accepted=path,
            database=database,
            row_keys=np.empty(0, np.uint64),
        )
        yield replace(batch, **changes)


def report(days_ago: float = 1, *, rows: int = 1_000, columns: Sequence[str] = (), **changes: Any) -> BatchReport:
    """Of an accepted batch that was received so many days before the judged one."""
    received_at = RECEIVED_AT - timedelta(days=days_ago)
    made = BatchReport(
        batch_id=f"{round(days_ago * 1e6):016x}",
        model="pump",
        status=BatchStatus.ACCEPTED,
        rows=RowCounts(delivered=rows, accepted=rows),
        reading=Reading(format=Format.DELIMITED, columns=tuple(columns)),
        source=Source(bucket="landing", key="uploads/pump/day.csv", size_bytes=1),
        received_at=received_at,
    )
    return made.model_copy(update=changes)


def history(definition: Definition, columns: Mapping[str, Values]) -> History:
    """One batch before, with these columns."""
    rows = max(map(len, columns.values()), default=0)
    declared = {name: values for name, values in columns.items() if name in definition.columns}
    return History(
        recent=(report(rows=rows, columns=tuple(columns)),), previous_profile=profile_of(definition, declared)
    )
