"""What is remembered of answers and outcomes: messages for the lake that fit a queue."""

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from hashlib import sha256
from typing import TYPE_CHECKING, Any

import numpy.typing as npt
from pydantic_core import to_json

from everloop.contracts.columns import ColumnType
from everloop.contracts.definition import Definition
from everloop.contracts.predictions import OutcomeRecord, OutcomesMessage
from everloop.contracts.rows import shown
from everloop.contracts.tasks import Task
from everloop.errors import InvalidRowsError, MalformedBodyError
from everloop.inference.rows import is_unicode, parse_moment, read_cell

if TYPE_CHECKING:  # at run time it would bring onnxruntime, which recording an outcome does not need
    from everloop.inference.answer import Answer

MAXIMUM_MESSAGE_BYTES = 1_000_000
"""SQS takes 1 MiB; the rest is room for the envelope."""
_PLAIN: dict[ColumnType, type] = {ColumnType.BOOLEAN: bool, ColumnType.INTEGER: int}
"""What is written of a column's floats, if not these themselves."""
MAXIMUM_OUTCOMES = 1_000


def prediction_message(
    definition: Definition, answer: "Answer", prediction_ids: Sequence[str], *, now: datetime
) -> dict[str, Any]:
    """The fields of a PredictionsMessage, without judging again what was judged already."""
    predicted_at = now.isoformat()
    message = {
        "kind": "predictions",
        "model": definition.name,
        "predicted_at": predicted_at,
        "prediction_id": prediction_ids,
        "event_time": _event_times(definition, answer, predicted_at),
        "version": answer.versions,
        "variant": answer.variants,
        "answered_by": answer.answered_by,
        "score": answer.scores,
        "label": [label if label is None or type(label) is str else _label(label) for label in answer.labels],
        "inputs": _inputs(definition, answer),
        "latency_ms": answer.latency_ms,
    }
    if answer.shadows:
        message["shadow"] = answer.shadows
    return message


def _label(label: Any) -> str:
    """A class as text; of a recommendation the items as a JSON array."""
    if isinstance(label, list):
        return json.dumps([each.item for each in label], ensure_ascii=False)
    return str(label)


def message_bodies(message: Mapping[str, Any]) -> Iterator[str]:
    """JSON of at most `MAXIMUM_MESSAGE_BYTES` each that carry the rows; halved until each fits."""
    body = to_json(message)
    count = len(message["prediction_id"] if message["kind"] == "predictions" else message["records"])
    if count == 1 or len(body) <= MAXIMUM_MESSAGE_BYTES:
        yield body.decode()
        return
    for half in (slice(count // 2), slice(count // 2, count)):
        yield from message_bodies({name: _cut(value, half) for name, value in message.items()})


def _cut(value: Any, rows: slice) -> Any:
    if isinstance(value, Mapping):
        return {name: column[rows] for name, column in value.items()}
    return value if isinstance(value, str) else value[rows]


def parse_outcomes(body: Any, definition: Definition, *, now: datetime) -> OutcomesMessage:
    """Raises MalformedBodyError for a wrong shape, InvalidRowsError that names each wrong outcome."""
    outcomes = body.get("outcomes") if isinstance(body, dict) else None
    if not isinstance(outcomes, list) or not 1 <= len(outcomes) <= MAXIMUM_OUTCOMES:
        raise MalformedBodyError(
            'expected {"outcomes": [{"prediction_id": …, "actual": …, "observed_at"?: …}]} '
            f"with 1 to {MAXIMUM_OUTCOMES} outcomes"
        )
    if strangers := body.keys() - {"outcomes"}:
        raise MalformedBodyError(f"unknown key {shown(min(strangers))}; a request has one key, 'outcomes'")
    records: list[OutcomeRecord] = []
    problems: list[dict[str, Any]] = []
    for index, outcome in enumerate(outcomes):
        try:
            records.append(_outcome(outcome, definition, now))
        except _WrongOutcome as error:
            problems.append({"row": index, "column": error.field, "expected": error.expected, "got": error.got})
    if problems:
        raise InvalidRowsError(f"{len(problems)} outcome(s) cannot be recorded", problems)
    return OutcomesMessage(model=definition.name, records=tuple(records))


class _WrongOutcome(Exception):
    def __init__(self, field: str, expected: str, got: Any) -> None:
        super().__init__(field)
        self.field, self.expected, self.got = field, expected, repr(got)[:80]


def _outcome(outcome: Any, definition: Definition, now: datetime) -> OutcomeRecord:
    if not isinstance(outcome, dict):
        raise _WrongOutcome("", "an object", outcome)
    unknown = outcome.keys() - {"prediction_id", "actual", "observed_at"}
    if unknown:
        raise _WrongOutcome(min(unknown)[:80], "one of prediction_id, actual, observed_at", min(unknown))
    prediction_id = outcome.get("prediction_id")
    if not isinstance(prediction_id, str) or not 1 <= len(prediction_id) <= 128 or not is_unicode(prediction_id):
        raise _WrongOutcome("prediction_id", "the id of a prediction", prediction_id)
    return OutcomeRecord(
        prediction_id=prediction_id,
        actual=_actual(outcome.get("actual"), definition),
        observed_at=_moment(outcome.get("observed_at"), now),
    )


def _actual(value: Any, definition: Definition) -> float | str:
    """Judged as a cell of the target column is, so that no outcome can spoil a metric."""
    target = definition.columns[definition.data.target].model_copy(update={"nullable": False})
    if definition.task is Task.BINARY and not target.type.is_textual:
        if isinstance(value, bool | int | float) and value in (0, 1):
            return float(value)
        raise _WrongOutcome("actual", "true or false, 1 or 0", value)
    try:
        actual: float | str = read_cell(value, target)
    except ValueError as error:
        raise _WrongOutcome("actual", str(error), value) from error
    return actual


def _moment(value: Any, now: datetime) -> str:
    if value is None:
        return now.isoformat()
    try:
        return parse_moment(value).isoformat()
    except ValueError:
        raise _WrongOutcome("observed_at", "timestamp such as 2026-01-31T12:00:00Z", value) from None


def _event_times(definition: Definition, answer: "Answer", predicted_at: str) -> list[str]:
    if definition.data.timestamp is None:
        return [predicted_at] * len(answer.scores)
    seconds = answer.inputs[definition.data.timestamp][:, 0].tolist()
    return [predicted_at if math.isnan(s) else datetime.fromtimestamp(s, UTC).isoformat() for s in seconds]


def _inputs(definition: Definition, answer: "Answer") -> dict[str, list[Any]]:
    inputs = {}
    for name, column in definition.served_columns.items():
        if column.pii == "drop":
            continue
        values = _plain(answer.inputs[name][:, 0], column.type)
        inputs[name] = [_hashed(definition.name, name, value) for value in values] if column.pii else values
    return inputs


def _hashed(model: str, column: str, value: Any) -> str | None:
    """The same value has the same hash within a column, and another one elsewhere."""
    return None if value is None else sha256(f"{model}\0{column}\0{value}".encode()).hexdigest()[:32]


def _plain(values: npt.NDArray[Any], kind: ColumnType) -> list[Any]:
    """JSON values of a column with null where the array holds NaN or ''."""
    cells: list[Any] = values.tolist()
    if kind.is_textual:
        return [cell or None for cell in cells]
    plain = _PLAIN.get(kind, float)
    if math.isnan(sum(cells)):  # at least one of them is
        return [None if math.isnan(cell) else plain(cell) for cell in cells]
    return cells if plain is float else list(map(plain, cells))
