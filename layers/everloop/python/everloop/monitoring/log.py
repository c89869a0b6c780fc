"""Write queued prediction and outcome records to the lake as Parquet."""

import json
import tempfile
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date, datetime
from pathlib import Path
from typing import Annotated, Any

import duckdb
from pydantic import Field, TypeAdapter

from everloop.contracts.columns import Column, ColumnType
from everloop.contracts.definition import Definition
from everloop.contracts.predictions import OutcomesMessage, PredictionsMessage
from everloop.features.compile import compile_features
from everloop.features.expression import columns_of
from everloop.features.signature import Kind
from everloop.ids import moment_of
from everloop.monitoring.shadow import Challengers, Row
from everloop.sql import identifier, literal, open_database
from everloop.stores.predictions import FEATURE_PREFIX, INPUT_PREFIX, PredictionLog

_PREDICTION_COLUMNS = {
    "prediction_id": "VARCHAR",
    "predicted_at": "TIMESTAMPTZ",
    "event_time": "TIMESTAMPTZ",
    "version": "BIGINT",
    "variant": "VARCHAR",
    "answered_by": "VARCHAR",
    "score": "DOUBLE",
    "label": "VARCHAR",
    "latency_ms": "DOUBLE",
}
_SHADOW_COLUMNS = {
    "shadow_version": "BIGINT",
    "shadow_score": "DOUBLE",
    "shadow_label": "VARCHAR",
    "shadow_latency_ms": "DOUBLE",
    "shadow_error": "VARCHAR",
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
_AS_THEY_ARE = "SELECT * FROM records"
_FEATURE_TYPES = {Kind.NUMBER: "DOUBLE", Kind.BOOLEAN: "BOOLEAN", Kind.TEXT: "VARCHAR"}

Message = PredictionsMessage | OutcomesMessage
_MESSAGE: TypeAdapter[Message] = TypeAdapter(Annotated[Message, Field(discriminator="kind")])


def parse_message(body: str) -> Message:
    """Raises pydantic.ValidationError for anything that the two senders do not write."""
    return _MESSAGE.validate_json(body)


def write_messages(
    messages: Sequence[Message],
    log: PredictionLog,
    load_definition: Callable[[str], Definition],
    challengers: Challengers,
) -> int:
    """Store the records, and return how many: predictions that no file has yet, and all outcomes.

    Messages come at least once and in any company. A prediction is written once all the same; an outcome may lie in two
    files, of which readers take the newest observation.
    """
    predictions: dict[str, list[PredictionsMessage]] = defaultdict(list)
    outcomes: dict[str, list[OutcomesMessage]] = defaultdict(list)
    for message in messages:
        if isinstance(message, PredictionsMessage):
            predictions[message.model].append(message)
        else:
            outcomes[message.model].append(message)
    written = 0
    with tempfile.TemporaryDirectory() as folder, open_database(Path(folder)) as connection:
        parquet = _Parquet(connection, Path(folder))
        for model, own in predictions.items():
            written += _write_predictions(parquet, own, log, load_definition(model), challengers)
        for model, told in outcomes.items():
            written += _write_outcomes(parquet, told, log, model)
    return written


def logged_inputs(definition: Definition) -> dict[str, str]:
    """Columns of the log that hold inputs, and their types in DuckDB: personal data is a hash, or has no column."""
    return {
        INPUT_PREFIX + name: "VARCHAR" if column.pii else _INPUT_TYPES[column.type]
        for name, column in definition.served_columns.items()
        if column.pii != "drop"
    }


def _write_predictions(
    parquet: "_Parquet",
    messages: Sequence[PredictionsMessage],
    log: PredictionLog,
    definition: Definition,
    challengers: Challengers,
) -> int:
    rows = {row["prediction_id"]: row for message in messages for row in _rows(message)}
    for known in log.written(definition.name, rows):
        del rows[known]
    challengers.score(definition, list(rows.values()))
    groups: dict[tuple[datetime, date], list[Row]] = defaultdict(list)
    for prediction_id, row in sorted(rows.items()):
        hour = moment_of(prediction_id).replace(minute=0, second=0, microsecond=0)
        groups[hour, date.fromisoformat(row["event_time"][:10])].append(row)
    columns = _PREDICTION_COLUMNS | logged_inputs(definition) | _SHADOW_COLUMNS
    query = _with_features(definition)
    for (_, day), own in groups.items():
        path = parquet.write(own, columns, query)
        log.add_predictions(definition.name, day, [row["prediction_id"] for row in own], path)
    return len(rows)


def _rows(message: PredictionsMessage) -> Iterator[Row]:
    """By column of the log; raises ValueError when the message's columns are not of one length."""
    nothing = (None,) * len(message)
    columns: dict[str, Sequence[Any]] = {
        "predicted_at": (message.predicted_at,) * len(message),
        **{name: getattr(message, name) for name in _PREDICTION_COLUMNS if name != "predicted_at"},
        **{INPUT_PREFIX + name: values for name, values in message.inputs.items()},
        **dict.fromkeys(_SHADOW_COLUMNS, nothing),
        "shadow_version": message.shadow or nothing,
    }
    for values in zip(*columns.values(), strict=True):
        yield dict(zip(columns, values, strict=True))


def _with_features(definition: Definition) -> str:
    """SQL for the logged rows and, beside them, the features as the model's own were before it rounded them.

    A feature is null where it reads what the log does not have: personal data.
    """
    if not definition.features:
        return _AS_THEY_ARE
    personal = {name for name, column in definition.served_columns.items() if column.pii}
    raw = ", ".join(
        f"{_as_declared(name, column)} AS {identifier(name)}"
        for name, column in definition.served_columns.items()
        if name not in personal
    )
    expressions = compile_features(definition).expressions
    features = []
    for name in definition.features:
        node = expressions[name]
        value = "NULL" if personal & columns_of(node) else node.to_duckdb()
        features.append(f"CAST({value} AS {_FEATURE_TYPES[node.kind]}) AS {identifier(FEATURE_PREFIX + name)}")
    selected = f"SELECT {', '.join(features)} FROM (SELECT {raw} FROM records)"
    return f"SELECT * FROM records POSITIONAL JOIN ({selected})"


def _as_declared(name: str, column: Column) -> str:
    logged = identifier(INPUT_PREFIX + name)
    if column.type is ColumnType.TIMESTAMP:
        return f"make_timestamp(CAST(round({logged} * 1e6) AS BIGINT))"
    return logged


def _write_outcomes(parquet: "_Parquet", messages: Sequence[OutcomesMessage], log: PredictionLog, model: str) -> int:
    by_day: dict[date, list[Row]] = defaultdict(list)
    for message in messages:
        for outcome in message.records:
            by_day[date.fromisoformat(outcome.observed_at[:10])].append(outcome.model_dump())
    for day, rows in by_day.items():
        log.append("outcomes", model, day, parquet.write(sorted(rows, key=json.dumps), _OUTCOME_COLUMNS, _AS_THEY_ARE))
    return sum(map(len, by_day.values()))


class _Parquet:
    def __init__(self, connection: duckdb.DuckDBPyConnection, folder: Path) -> None:
        self._connection = connection
        self._folder = folder

    def write(self, rows: Sequence[Mapping[str, Any]], columns: dict[str, str], query: str) -> Path:
        """What the query makes of the rows, which it finds as the table `records`; written over by the next."""
        source, target = self._folder / "rows.json", self._folder / "rows.parquet"
        source.write_text("\n".join(map(json.dumps, rows)), "utf-8")
        self._connection.execute(
            "CREATE OR REPLACE TEMP TABLE records AS "
            "SELECT * FROM read_json($source, format = 'newline_delimited', columns = $columns)",
            {"source": str(source), "columns": columns},
        )
        self._connection.execute(f"COPY ({query}) TO {literal(str(target))} (FORMAT parquet, COMPRESSION zstd)")
        return target
