"""The accepted rows of a dataset in one DuckDB table: in today's types, cut off, the newest of each id."""

from collections.abc import Sequence
from datetime import UTC
from pathlib import Path
from typing import Any

import duckdb

from everloop.contracts.datasets import RowTotals, Selection
from everloop.contracts.definition import Definition
from everloop.errors import TooFewRowsError
from everloop.reading.accepted import BATCH, PLACE, every_row, newest, readable, typed_rows
from everloop.sql import fetch_number, identifier

ROWS_TABLE = "training_rows"
_NO_ROWS = RowTotals(delivered=0, left_out=0, superseded=0, rows=0)


def create_rows(
    connection: duckdb.DuckDBPyConnection, definition: Definition, selection: Selection, files: Sequence[Path]
) -> RowTotals:
    """Fill the table `training_rows`, oldest first or shuffled by the seed, from one file for each selected batch.

    The files are named by their places in the selection. Of rows with the same row id the newest stays. Raises
    TooFewRowsError, or UnusableRowsError.
    """
    totals = _fill(connection, definition, selection, files) if files else _NO_ROWS
    if totals.rows < definition.training.minimum_rows:
        period = f"from {selection.since:%Y-%m-%d %H:%M} " if selection.since else ""
        raise TooFewRowsError(
            f"{definition.name}: {totals.rows} accepted rows {period}until {selection.as_of:%Y-%m-%d %H:%M}, "
            f"training.minimum_rows is {definition.training.minimum_rows}; {_why_so_few(definition, totals)}"
            "upload more data or lower it"
        )
    return totals


def _why_so_few(definition: Definition, totals: RowTotals) -> str:
    needed = [definition.data.target, *definition.data.row_id, *filter(None, [definition.data.timestamp])]
    left_out = f"{totals.left_out} more are of another time or lack one of {', '.join(needed)}; "
    superseded = f"{totals.superseded} more have the row id of a newer one; "
    return left_out * bool(totals.left_out) + superseded * bool(totals.superseded)


def _fill(
    connection: duckdb.DuckDBPyConnection, definition: Definition, selection: Selection, files: Sequence[Path]
) -> RowTotals:
    window = _window_parameters(definition, selection)
    source = f"{typed_rows(connection, definition, files)} where {_is_usable(definition)}"
    with readable(definition):
        connection.execute(
            f"create or replace temp table {ROWS_TABLE} as "
            f"select * exclude ({PLACE}) from (select * from {source} {newest(definition)}) "
            f"order by {_order(definition)}",
            window,
        )
    delivered = fetch_number(connection.execute(f"select count(*) from {every_row(files)}"))
    usable = fetch_number(connection.execute(f"select count(*) from {source}", window))
    rows = fetch_number(connection.execute(f"select count(*) from {ROWS_TABLE}"))
    return RowTotals(delivered=delivered, left_out=delivered - usable, superseded=usable - rows, rows=rows)


def _is_usable(definition: Definition) -> str:
    """Within the window, and with what every row needs: batches from before it was declared lack it. An interaction
    of nobody teaches nothing.
    """
    timestamp = definition.data.timestamp
    needed = {definition.data.target, *definition.data.row_id}
    if definition.recommendation:
        needed.add(str(definition.data.entity))
    conditions = [f"{identifier(name)} is not null" for name in sorted(needed)]
    if timestamp:
        moment = identifier(timestamp)
        conditions.append(f"{moment} < $as_of and ($since is null or {moment} >= $since)")
    return " and ".join(conditions)


def _window_parameters(definition: Definition, selection: Selection) -> dict[str, Any]:
    if definition.data.timestamp is None:
        return {}
    return {
        "as_of": selection.as_of.astimezone(UTC).replace(tzinfo=None),
        "since": selection.since.astimezone(UTC).replace(tzinfo=None) if selection.since else None,
    }


def _order(definition: Definition) -> str:
    arrival = f"{BATCH}, {PLACE}"
    if definition.holdout.by == "time":
        return f"{identifier(str(definition.data.timestamp))}, {arrival}"
    return f"hash({arrival}, {definition.training.seed}), {arrival}"
