"""The events of a history: accepted rows, as far as any history reads them."""

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import duckdb

from everloop.contracts.definition import Definition
from everloop.features.history.compile import CompiledHistory
from everloop.reading.accepted import newest, readable, typed_rows
from everloop.sql import identifier

EVENTS_TABLE = "history_events"


def create_events(
    connection: duckdb.DuckDBPyConnection,
    definition: Definition,
    compiled: Sequence[CompiledHistory],
    files: Sequence[Path],
    *,
    since: datetime | None = None,
    before: datetime | None = None,
) -> None:
    """Fill the table `history_events`: the timestamp, what names entities, and what is aggregated.

    Of rows with the same row id the newest stays, as it does in the training rows; a row needs no target to be one.
    Raises UnusableRowsError.
    """
    columns = ", ".join(identifier(name) for name in columns_read(definition, compiled))
    timestamp = identifier(str(definition.data.timestamp))
    there = [f"{identifier(name)} IS NOT NULL" for name in (str(definition.data.timestamp), *definition.data.row_id)]
    bounds = [f"{timestamp} {sign} ?" for sign, moment in ((">=", since), ("<", before)) if moment]
    source = typed_rows(connection, definition, files)
    with readable(definition):
        connection.execute(
            f"CREATE OR REPLACE TEMP TABLE {EVENTS_TABLE} AS SELECT {columns} FROM ("
            f"SELECT * FROM {source} "
            f"WHERE {' AND '.join([*there, *bounds])} {newest(definition)})",
            [moment.astimezone(UTC).replace(tzinfo=None) for moment in (since, before) if moment],
        )


def columns_read(definition: Definition, compiled: Sequence[CompiledHistory]) -> list[str]:
    """In the order of the definition."""
    read = {str(definition.data.timestamp)}
    for each in compiled:
        read |= {*each.feature.history.by, *each.columns}
    return [name for name in definition.columns if name in read]
