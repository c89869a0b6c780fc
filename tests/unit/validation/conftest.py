import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import duckdb
import pytest

from everloop.contracts.batches import BatchReport, Format, Reading, Source, StagedBatch, batch_key
from everloop.contracts.definition import Definition
from everloop.reading.upload import open_upload
from everloop.sql import identifier
from everloop.stores.batches import BatchStore, quarantine_key
from everloop.stores.predictions import PredictionLog
from everloop.validation.validation import Validation
from tests.fakes import InMemoryEventBus, InMemoryObjectStore

BATCH_ID = "5a4aef6f1e2b3c4d"
RECEIVED_AT = datetime(2026, 3, 14, 9, 26, tzinfo=UTC)
Row = Mapping[str, str | None]


def define(columns: Mapping[str, Any], **data: Any) -> Definition:
    """A regression of `y` on the given columns."""
    return Definition.model_validate(
        {
            "name": "pump",
            "task": "regression",
            "data": {"target": "y"} | data,
            "columns": {"y": "number", "x": "number", **columns},
        }
    )


@dataclass
class World:
    definition: Definition
    lake: InMemoryObjectStore = field(default_factory=InMemoryObjectStore)
    bus: InMemoryEventBus = field(default_factory=InMemoryEventBus)

    @property
    def batches(self) -> BatchStore:
        return BatchStore(self.lake)

    def stage(self, rows: Sequence[Row], batch_id: str = BATCH_ID) -> None:
        """Rows without `y` or `x` get sound ones."""
        complete: list[Row] = [{"y": "1", "x": "1", **row} for row in rows]
        names = list(dict.fromkeys(name for row in complete for name in row))
        columns = ", ".join(f"{identifier(name)} VARCHAR" for name in names)
        with TemporaryDirectory() as folder, duckdb.connect() as database:
            path = Path(folder, "rows.parquet")
            database.execute(f"CREATE TABLE rows ({columns})")
            marks = ", ".join("?" * len(names))
            database.executemany(
                f"INSERT INTO rows VALUES ({marks})", [[row.get(n) for n in names] for row in complete]
            )
            database.execute("COPY rows TO ? (FORMAT parquet)", [str(path)])
            source = Source(bucket="landing", key="uploads/pump/march.csv", version_id="v1", size_bytes=100)
            staged = StagedBatch(
                batch_id=batch_id,
                model="pump",
                source=source,
                received_at=RECEIVED_AT,
                reading=Reading(format=Format.PARQUET, columns=tuple(names)),
            )
            self.batches.stage(staged, path)

    @property
    def validation(self) -> Validation:
        return Validation(
            batches=self.batches,
            predictions=PredictionLog(self.lake),
            events=self.bus,
            definition_of=lambda _: self.definition,
        )

    def validate(self, *rows: Row) -> BatchReport:
        self.stage(rows)
        return self.validation.validate("pump", BATCH_ID)

    def deliver(self, body: bytes | str) -> BatchReport:
        """Validate a file as it is, after ingestion's look at it."""
        with TemporaryDirectory() as folder:
            upload = Path(folder, "upload")
            upload.write_bytes(body if isinstance(body, bytes) else body.encode())
            plain, reading = open_upload(
                upload, hints=self.definition.data.csv, declared=list(self.definition.columns), folder=Path(folder)
            )
            source = Source(bucket="landing", key="uploads/pump/march.csv", version_id="v1", size_bytes=100)
            staged = StagedBatch(
                batch_id=BATCH_ID, model="pump", source=source, received_at=RECEIVED_AT, reading=reading
            )
            self.batches.stage(staged, plain)
        return self.validation.validate("pump", BATCH_ID)

    @property
    def accepted(self) -> list[dict[str, Any]]:
        return self._read(batch_key("pump", BATCH_ID))

    @property
    def quarantined(self) -> list[dict[str, Any]]:
        rows = self._read(quarantine_key("pump", BATCH_ID))
        return [row | {"_reasons": json.loads(row["_reasons"])} for row in rows]

    def _read(self, key: str) -> list[dict[str, Any]]:
        with TemporaryDirectory() as folder, duckdb.connect() as database:
            path = Path(folder, "read.parquet")
            self.lake.download(key, path)
            found = database.execute("FROM read_parquet(?)", [str(path)])
            names = [column[0] for column in found.description or []]
            return [dict(zip(names, row, strict=True)) for row in found.fetchall()]


@pytest.fixture
def world() -> World:
    return World(define({}))
