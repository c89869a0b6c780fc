"""Write queued prediction and outcome records to the lake as Parquet."""

import json
import tempfile
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import asdict
from datetime import date
from pathlib import Path

import duckdb
from pydantic import TypeAdapter

from everloop.contracts.columns import ColumnType
from everloop.contracts.definition import Definition
from everloop.contracts.predictions import OutcomesMessage, PredictionsMessage
from everloop.sql import literal, open_database
from everloop.stores.predictions import INPUT_PREFIX, PredictionLog

_PREDICTION_COLUMNS = {
    "prediction_id": "VARCHAR",
    "predicted_at": "TIMESTAMPTZ",
    "event_time": "TIMESTAMPTZ",
    "version": "BIGINT",
    "variant": "VARCHAR",
    "answered_by": "VARCHAR",
    "score": "DOUBLE",
    "label": "VARCHAR",
}
_OUTCOME_COLUMNS = {"prediction_id": "VARCHAR", "actual": "VARCHAR", "observed_at": "TIMESTAMPTZ"}

_INPUT_TYPES = {
    ColumnType.NUMBER: "DOUBLE",
    ColumnType.INTEGER: "BIGINT",
    ColumnType.BOOLEAN: "BOOLEAN",
    ColumnType.CATEGORY: "VARCHAR",
    ColumnType.TEXT: "VARCHAR",
    ColumnType.TIMESTAMP: "DOUBLE",
}
"""A timestamp input is logged as the model took it: epoch seconds."""

Message = PredictionsMessage | OutcomesMessage
_MESSAGE: TypeAdapter[Message] = TypeAdapter(Message)

_Group = tuple[str, str, date]


def parse_message(body: str) -> Message:
    """Raises pydantic.ValidationError for anything that the two senders do not write."""
    return _MESSAGE.validate_json(body)


def write_messages(
    messages: Sequence[Message],
    log: PredictionLog,
    load_definition: Callable[[str], Definition],
) -> int:
    """One Parquet file for each kind, model and day; returns how many records were written.

    Messages come at least once and in any company, so the same record may lie in two files: readers keep one.
    """
    groups: dict[_Group, list[str]] = defaultdict(list)
    columns: dict[tuple[str, str], dict[str, str]] = {}
    for message in messages:
        if isinstance(message, OutcomesMessage):
            columns[message.kind, message.model] = _OUTCOME_COLUMNS
            for outcome in message.records:
                group = (message.kind, message.model, date.fromisoformat(outcome.observed_at[:10]))
                groups[group].append(outcome.model_dump_json())
        else:
            inputs = load_definition(message.model).served_columns
            columns[message.kind, message.model] = _PREDICTION_COLUMNS | {
                INPUT_PREFIX + name: _INPUT_TYPES[column.type] for name, column in inputs.items()
            }
            for record in message.records:
                row = asdict(record)
                row |= {INPUT_PREFIX + name: value for name, value in row.pop("inputs").items()}
                day = date.fromisoformat(record.event_time[:10])
                groups[message.kind, message.model, day].append(json.dumps(row))
    with tempfile.TemporaryDirectory() as folder, open_database(Path(folder)) as connection:
        for (kind, model, day), rows in groups.items():
            path = _to_parquet(connection, sorted(rows), columns[kind, model], Path(folder))
            log.append(kind, model, day, path)
    return sum(map(len, groups.values()))


def _to_parquet(
    connection: duckdb.DuckDBPyConnection, rows: Sequence[str], columns: dict[str, str], folder: Path
) -> Path:
    source, target = folder / "rows.json", folder / "rows.parquet"
    source.write_text("\n".join(rows), "utf-8")
    connection.execute(
        "create or replace temp table records as "
        "select * from read_json($source, format = 'newline_delimited', columns = $columns)",
        {"source": str(source), "columns": columns},
    )
    connection.execute(f"copy records to {literal(str(target))} (format parquet, compression zstd)")
    return target
