"""The accepted rows of a dataset in one DuckDB table: verified, in today's types, cut off, the newest of each id."""

from collections.abc import Collection, Iterator, Sequence
from datetime import UTC
from pathlib import Path
from typing import Any

import duckdb

from everloop.contracts.datasets import DatasetBatch, RowTotals, Selection
from everloop.contracts.definition import Definition
from everloop.errors import IntegrityError, TooFewRowsError, UnusableRowsError
from everloop.ids import sha256_of
from everloop.reading.types import SQL_TYPES
from everloop.sql import fetch_number, identifier

ROWS_TABLE = "training_rows"
BATCH = '"everloop batch"'
"""Which selected batch a row came in; the space keeps the name apart from any sane column's."""
_NO_ROWS = RowTotals(delivered=0, left_out=0, superseded=0, rows=0)


def verify_rows(batch: DatasetBatch, path: Path) -> None:
    """Raises IntegrityError unless the file holds the very rows that the batch was accepted with."""
    found = sha256_of(path)
    if batch.sha256 not in (None, found):
        raise IntegrityError(
            f"batch {batch.batch_id!r}: expected accepted rows with sha256 {batch.sha256}, got {found}; restore the "
            "version of the object that validation wrote"
        )


def create_rows(
    connection: duckdb.DuckDBPyConnection, definition: Definition, selection: Selection, files: Sequence[Path]
) -> RowTotals:
    """Fill the table `training_rows`, oldest first or shuffled by the seed, from one file for each selected batch.

    Of rows with the same row id the newest stays. Raises TooFewRowsError, or UnusableRowsError.
    """
    totals = _fill(connection, definition, selection, files) if files else _NO_ROWS
    if totals.rows < definition.training.minimum_rows:
        period = f"from {selection.since:%Y-%m-%d %H:%M} " if selection.since else ""
        raise TooFewRowsError(
            f"{definition.name}: {totals.rows} accepted rows {period}until {selection.as_of:%Y-%m-%d %H:%M}, "
            f"training.minimum_rows is {definition.training.minimum_rows}; upload more data or lower it"
        )
    return totals


def _fill(
    connection: duckdb.DuckDBPyConnection, definition: Definition, selection: Selection, files: Sequence[Path]
) -> RowTotals:
    given = {"files": [str(path) for path in files]}
    window = _window_parameters(definition, selection)
    every_row = "read_parquet($files, filename = true, file_row_number = true, union_by_name = true)"
    present = connection.execute(f"describe select * from {every_row}", given).fetchall()
    columns = ", ".join(_typed(definition, {str(name).casefold() for name, *_ in present}))
    source = f"(select {columns}, filename, file_row_number from {every_row}) where {_is_usable(definition)}"
    try:
        connection.execute(
            f"create or replace temp table {ROWS_TABLE} as "
            f"select * exclude (filename, file_row_number), cast(parse_filename(filename, true) as bigint) as {BATCH} "
            f"from (select * from {source} {_newest(definition)}) order by {_order(definition)}",
            given | window,
        )
    except duckdb.ConversionException as error:
        raise UnusableRowsError(
            f"{definition.name}: rows accepted under an earlier definition cannot be read as today's types ({error}); "
            "give the column another name, or its old type"
        ) from error
    delivered = fetch_number(connection.execute(f"select count(*) from {every_row}", given))
    usable = fetch_number(connection.execute(f"select count(*) from {source}", given | window))
    rows = fetch_number(connection.execute(f"select count(*) from {ROWS_TABLE}"))
    return RowTotals(delivered=delivered, left_out=delivered - usable, superseded=usable - rows, rows=rows)


def _typed(definition: Definition, present: Collection[str]) -> Iterator[str]:
    """Each declared column in its type of today; null where it was declared after all these batches."""
    for name, column in definition.columns.items():
        value = identifier(name) if name.casefold() in present else "null"
        yield f"cast({value} as {SQL_TYPES[column.type]}) as {identifier(name)}"


def _is_usable(definition: Definition) -> str:
    """Within the window, and with what every row needs: batches from before it was declared lack it."""
    timestamp = definition.data.timestamp
    needed = {definition.data.target, *definition.data.row_id}
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


def _newest(definition: Definition) -> str:
    if not definition.data.row_id:
        return ""
    key = ", ".join(identifier(name) for name in definition.data.row_id)
    newest = f"{identifier(definition.data.timestamp)} desc nulls last, " if definition.data.timestamp else ""
    return f"qualify row_number() over (partition by {key} order by {newest}filename desc, file_row_number desc) = 1"


def _order(definition: Definition) -> str:
    arrival = "filename, file_row_number"
    if definition.holdout.by == "time":
        return f"{identifier(str(definition.data.timestamp))}, {arrival}"
    # Files are named by their place in the selection, so the shuffle is the same wherever they lie.
    return f"hash(parse_filename(filename), file_row_number, {definition.training.seed}), {arrival}"
