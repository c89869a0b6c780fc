"""What a batch is compared with: the batches before it, and what prediction requests carry."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from itertools import islice
from pathlib import Path

import duckdb
import numpy as np
from numpy.typing import NDArray

from everloop.contracts.batches import BatchReport
from everloop.contracts.columns import ColumnType
from everloop.contracts.definition import Definition
from everloop.errors import ObjectNotFoundError
from everloop.features.profile import Profile, ProfileMismatchError
from everloop.sql import fetch_number, identifier, open_database
from everloop.stores.batches import BatchStore
from everloop.stores.predictions import INPUT_PREFIX, PredictionLog

MAXIMUM_BATCHES = 30
"""A month of daily batches."""
MAXIMUM_KEYS = 10_000_000
"""Of earlier rows: 80 MB in all are read, one batch at a time."""
SERVED_DAYS = 7
MAXIMUM_LOG_FILES = 20
"""Each holds what one call of the log writer was handed, at most some thousand predictions."""
MAXIMUM_SERVED_LEVELS = 1_000
"""A column of more levels is no list of names but free text."""


@dataclass(frozen=True)
class Served:
    """What the inputs of logged predictions held."""

    rows: int
    null_shares: Mapping[str, float]
    levels: Mapping[str, frozenset[str]]
    """Of the categories that have at most MAXIMUM_SERVED_LEVELS."""


@dataclass(frozen=True)
class History:
    recent: tuple[BatchReport, ...] = ()
    """Accepted batches received before this one, newest last."""
    previous_profile: Profile | None = None
    """None as well when it is of a format no longer read."""
    served: Served | None = None
    """None when nothing was logged."""
    _batches: BatchStore | None = field(default=None, repr=False)

    @property
    def previous(self) -> BatchReport | None:
        return self.originals[-1] if self.originals else None

    @property
    def delivered_columns(self) -> tuple[str, ...]:
        """Of the batch before, in its order."""
        return self.previous.reading.columns if self.previous and self.previous.reading else ()

    @property
    def originals(self) -> list[BatchReport]:
        """Without replays: a selection of old rows says nothing of the source."""
        return [report for report in self.recent if report.source.replay_of is None]

    def earlier_profiles(self) -> Iterator[Profile]:
        """Of the batches before the one before, newest first; each is fetched when it is asked for."""
        for report in reversed(self.originals[:-1]):
            profile = _profile_of(self._batches, report) if self._batches else None
            if profile is not None:
                yield profile

    def row_keys(self) -> Iterator[tuple[str, NDArray[np.uint64]]]:
        """Batch id and sorted row keys of the recent batches, newest first, up to MAXIMUM_KEYS in all."""
        left = MAXIMUM_KEYS
        for report in reversed(self.recent):
            left -= report.rows.accepted
            if self._batches is None or left < 0:
                return
            try:
                yield report.batch_id, self._batches.keys(report.model, report.batch_id)
            except ObjectNotFoundError:
                continue  # judged when the definition had no row id


def read_history(
    batches: BatchStore,
    log: PredictionLog,
    definition: Definition,
    *,
    before: datetime,
    batch_id: str,
    folder: Path,
    last_timestamp: datetime | None = None,
) -> History:
    """`before` is when this batch was received; `last_timestamp` tells which days of the log are those of its rows."""
    reports = batches.recent(definition.name, before=before, limit=MAXIMUM_BATCHES)
    history = History(
        recent=tuple(report for report in reports if report.batch_id != batch_id),
        served=_read_served(log, definition, _days(before, last_timestamp), folder),
        _batches=batches,
    )
    previous = history.previous
    return replace(history, previous_profile=_profile_of(batches, previous)) if previous else history


def _profile_of(batches: BatchStore, report: BatchReport) -> Profile | None:
    try:
        return Profile.from_json(batches.profile(report.model, report.batch_id))
    except (ObjectNotFoundError, ProfileMismatchError):
        return None


def _days(before: datetime, last_timestamp: datetime | None) -> list[date]:
    """Newest first. Predictions lie under the day their row is of, which for an old batch may be years ago."""
    last = before.date() if last_timestamp is None else last_timestamp.date()
    around = range(0 if last_timestamp is None else -SERVED_DAYS, SERVED_DAYS + 1)
    days = (last.toordinal() - ago for ago in around)
    return [date.fromordinal(day) for day in days if date.min.toordinal() <= day <= date.max.toordinal()]


def _read_served(log: PredictionLog, definition: Definition, days: list[date], folder: Path) -> Served | None:
    """From the newest few files; within a day they are named by hash, so those are a random sample of it."""
    found = (key for day in days for key in log.keys("predictions", definition.name, day, day))
    files: list[str] = []
    for number, key in enumerate(islice(found, MAXIMUM_LOG_FILES)):
        path = folder / f"served-{number}.parquet"
        log.download(key, path)
        files.append(str(path))
    if not files:
        return None
    try:
        with open_database(folder) as database:
            return _summarize(database, definition, files)
    except duckdb.Error:
        return None  # NOTE: a damaged log is no fault of the batch.


def _summarize(database: duckdb.DuckDBPyConnection, definition: Definition, files: list[str]) -> Served:
    database.execute("CREATE TABLE served AS FROM read_parquet($files, union_by_name = true)", {"files": files})
    logged = {row[0] for row in database.execute("DESCRIBE served").fetchall()}
    inputs = definition.inputs.items()  # of personal data the log holds other values
    names = [name for name, column in inputs if INPUT_PREFIX + name in logged and not column.pii]
    rows = fetch_number(database.execute("SELECT count(*) FROM served"))
    filled = ", ".join(f"count({identifier(INPUT_PREFIX + name)})" for name in names)
    counts = database.execute(f"SELECT {filled} FROM served").fetchone() if names else None
    levels = {}
    for name in names:
        if definition.inputs[name].type is ColumnType.CATEGORY:
            column = identifier(INPUT_PREFIX + name)
            query = f"SELECT DISTINCT {column} FROM served WHERE {column} IS NOT NULL LIMIT {MAXIMUM_SERVED_LEVELS + 1}"
            distinct = database.execute(query).fetchall()
            if len(distinct) <= MAXIMUM_SERVED_LEVELS:
                levels[name] = frozenset(str(level) for (level,) in distinct)
    shares = {name: 1 - count / rows for name, count in zip(names, counts or (), strict=True)} if rows else {}
    return Served(rows, shares, levels)
