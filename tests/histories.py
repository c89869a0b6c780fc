"""A model with history over in-memory stores: batches arrive, states are kept, requests are answered from them."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import numpy as np

from everloop.contracts.batches import BatchReport, BatchStatus, RowCounts, Source
from everloop.contracts.datasets import accepted_between
from everloop.contracts.definition import Definition
from everloop.features.history.compile import compile_history
from everloop.features.history.events import EVENTS_TABLE, create_events
from everloop.features.history.offline import add_history
from everloop.ids import sha256_of
from everloop.inference.history import HistoryLookup, LookedUp
from everloop.inference.rows import to_columns
from everloop.materialization.materialization import Materialization, Materialized
from everloop.ports import Clock
from everloop.reading.accepted import download_rows, typed_rows
from everloop.sql import identifier
from everloop.stores.batches import BatchStore
from everloop.stores.history import HistoryStore
from tests.fakes import FixedClock, InMemoryItemTable, InMemoryObjectStore

_ANY_TIME = {"since": datetime.min.replace(tzinfo=UTC), "before": datetime.max.replace(tzinfo=UTC)}


def no_history(clock: Clock) -> HistoryLookup:
    """Of a deployment in which nothing is kept."""
    return HistoryLookup(InMemoryItemTable(clock), clock)


@dataclass
class HistoryWorld:
    definition: Definition
    folder: Path
    clock: FixedClock = field(default_factory=FixedClock)
    lake: InMemoryObjectStore = field(default_factory=InMemoryObjectStore)

    def __post_init__(self) -> None:
        self.table = InMemoryItemTable(self.clock)
        self.batches = BatchStore(self.lake)
        self.lookup = HistoryLookup(self.table, self.clock)
        self.materialization = Materialization(
            batches=self.batches,
            states=HistoryStore(self.table),
            definition_of=lambda _: self.definition,
            clock=self.clock,
        )
        self._accepted = 0

    def accept(self, rows: str, connection: duckdb.DuckDBPyConnection | None = None) -> str:
        """An accepted batch of the rows that this SQL selects; returns its id."""
        self._accepted += 1
        batch_id = f"batch-{self._accepted:04}"
        path = self.folder / f"{batch_id}.parquet"
        database = connection or duckdb.connect()
        timestamp = identifier(str(self.definition.data.timestamp))
        database.execute(f"COPY ({rows}) TO '{path}' (FORMAT parquet)")
        [(count, first, last)] = database.execute(
            f"SELECT count(*), min({timestamp}), max({timestamp}) FROM '{path}'"
        ).fetchall()
        self.batches.save_rows(self.definition.name, batch_id, path)
        self.batches.save_report(
            BatchReport(
                batch_id=batch_id,
                model=self.definition.name,
                status=BatchStatus.ACCEPTED,
                rows=RowCounts(delivered=count, accepted=count),
                source=Source(bucket="landing", key=f"uploads/{batch_id}", size_bytes=1),
                rows_sha256=sha256_of(path),
                received_at=self.clock.now() + timedelta(seconds=self._accepted),
                first_timestamp=first,
                last_timestamp=last,
                timestamp_column=self.definition.data.timestamp,
            )
        )
        return batch_id

    def materialize(self, *batch_ids: str) -> Materialized:
        return self.materialization.materialize(self.definition.name, batch_ids)

    def arrive(self, rows: str, connection: duckdb.DuckDBPyConnection | None = None) -> str:
        batch_id = self.accept(rows, connection)
        self.materialize(batch_id)
        return batch_id

    def served(self, rows: Sequence[dict[str, Any]]) -> LookedUp:
        """What a request with these rows is answered with."""
        return self.lookup.look_up(self.definition, to_columns(rows, self.definition))

    def trained(self) -> dict[str, np.ndarray[Any, Any]]:
        """What the rows in the lake have in a dataset: the timestamp, then each history feature, oldest row first."""
        compiled = compile_history(self.definition)
        timestamp = identifier(str(self.definition.data.timestamp))
        with duckdb.connect() as database:
            chosen = accepted_between(self.definition, self.batches.reports(self.definition.name), **_ANY_TIME)
            files = download_rows(self.batches, self.definition.name, chosen, self.folder)
            create_events(database, self.definition, compiled, files)
            database.execute(
                f"CREATE TEMP TABLE asked AS FROM {typed_rows(database, self.definition, files)} ORDER BY {timestamp}"
            )
            add_history(database, self.definition, compiled, rows="asked", events=EVENTS_TABLE)
            fetched = database.execute("FROM asked").fetchnumpy()
        names = [*self.definition.columns, *self.definition.history_features]
        return {name: np.ma.asanyarray(fetched[name]) for name in names}
