"""Whether predictions were made with the history that training rows of those moments would have."""

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import duckdb

from everloop.contracts.datasets import accepted_between, before
from everloop.contracts.definition import Definition
from everloop.contracts.monitoring import HistorySkew
from everloop.features.history.compile import CompiledHistory, compile_history
from everloop.features.history.events import EVENTS_TABLE, create_events
from everloop.features.history.offline import add_history
from everloop.reading.accepted import download_rows
from everloop.reading.types import SQL_TYPES
from everloop.sql import identifier, open_database
from everloop.stores.batches import BatchStore
from everloop.stores.predictions import INPUT_PREFIX

SAMPLE_ROWS = 1_000
TOLERANCE = 1e-5
"""Relative to the value, if that is above 1: sums in another order differ in their last bits."""
_SAMPLED = "sampled_predictions"


def measure_skew(
    definition: Definition,
    predictions: Sequence[Path],
    batches: BatchStore,
    *,
    folder: Path,
    version: int,
    start: datetime,
    end: datetime,
) -> HistorySkew | None:
    """Of a sample of the predictions that `version` answered in [start, end); None where there are none.

    Rows without a timestamp are left out: nobody knows the very moment of their answer any more. So are histories
    whose entity is personal data: by what the log has in its place, nothing can be looked up.
    """
    compiled = [each for each in compile_history(definition) if not _is_personal(definition, each)]
    names = [each.name for each in compiled]
    if not names:
        return None
    with open_database(folder) as database:
        present = _present(database, predictions)
        needed = [str(definition.data.timestamp), *_keys(compiled), *names]
        if not {INPUT_PREFIX + name for name in needed} <= present:
            return None  # nothing was logged since the history was declared
        window = {"version": version, "start": start, "end": end}
        _create_sample(database, definition, compiled, predictions, window)
        timestamp = identifier(str(definition.data.timestamp))
        [(rows, first, last)] = database.execute(
            f"SELECT count(*), min({timestamp}), max({timestamp}) FROM {_SAMPLED}"
        ).fetchall()
        if not rows:
            return None
        since = before(first.replace(tzinfo=UTC), definition.history_reach)
        chosen = accepted_between(
            definition, batches.reports(definition.name), since=since, before=last.replace(tzinfo=UTC)
        )
        if not chosen:
            return None
        files = download_rows(batches, definition.name, chosen, folder)
        create_events(database, definition, compiled, files, since=since)
        add_history(database, definition, compiled, rows=_SAMPLED, events=EVENTS_TABLE)
        differs = {name: _differs(identifier(name), identifier(INPUT_PREFIX + name)) for name in names}
        counts = ", ".join(f"count_if({sql})" for sql in (" OR ".join(differs.values()), *differs.values()))
        [(different, *each)] = database.execute(f"SELECT {counts} FROM {_SAMPLED}").fetchall()
    by_column = {name: number for name, number in zip(names, each, strict=True) if number}
    return HistorySkew(rows=rows, different=different, columns=by_column)


def _present(database: duckdb.DuckDBPyConnection, predictions: Sequence[Path]) -> set[str]:
    if not predictions:
        return set()
    described = database.execute(
        "DESCRIBE FROM read_parquet($files, union_by_name = true)", {"files": [str(path) for path in predictions]}
    )
    return {str(name) for name, *_ in described.fetchall()}


def _is_personal(definition: Definition, history: CompiledHistory) -> bool:
    return any(definition.columns[name].pii for name in history.feature.history.by)


def _keys(compiled: Sequence[CompiledHistory]) -> list[str]:
    return list(dict.fromkeys(name for each in compiled for name in each.feature.history.by))


def _create_sample(
    database: duckdb.DuckDBPyConnection,
    definition: Definition,
    compiled: Sequence[CompiledHistory],
    predictions: Sequence[Path],
    window: dict[str, object],
) -> None:
    """The rows with their timestamp and entities in the lake's types, and their history under its logged names."""
    timestamp = str(definition.data.timestamp)
    moment = f"make_timestamp(CAST(round({identifier(INPUT_PREFIX + timestamp)} * 1e6) AS BIGINT))"
    keys = [
        f"CAST({identifier(INPUT_PREFIX + name)} AS {SQL_TYPES[definition.columns[name].type]}) AS {identifier(name)}"
        for name in _keys(compiled)
    ]
    logged = [identifier(INPUT_PREFIX + each.name) for each in compiled]
    selected = ", ".join([f"{moment} AS {identifier(timestamp)}", *keys, *logged])
    database.execute(
        f"CREATE TEMP TABLE {_SAMPLED} AS SELECT {selected} FROM ("
        "SELECT * FROM read_parquet($files, union_by_name = true) "
        "WHERE version = $version AND variant = 'champion' AND answered_by = 'model' "
        f"AND event_time >= $start AND event_time < $end AND {identifier(INPUT_PREFIX + timestamp)} IS NOT NULL "
        "QUALIFY row_number() OVER (PARTITION BY prediction_id) = 1 "
        # By hash, so that the sample is spread over the window and the same each time.
        f"ORDER BY hash(prediction_id) LIMIT {SAMPLE_ROWS})",
        {"files": [str(path) for path in predictions], **window},
    )


def _differs(one: str, other: str) -> str:
    far = f"abs({one} - {other}) > {TOLERANCE} * greatest(1, abs({one}))"
    return f"(({one} IS NULL) <> ({other} IS NULL) OR coalesce({far}, false))"
