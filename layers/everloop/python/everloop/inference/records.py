"""What is remembered of an answer: records for the lake, in messages that fit a queue."""

import json
import math
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from everloop.contracts.columns import ColumnType
from everloop.contracts.definition import Definition
from everloop.contracts.predictions import OutcomeRecord, OutcomesMessage, PredictionRecord, PredictionsMessage
from everloop.contracts.tasks import Task
from everloop.errors import InvalidRowsError, MalformedBodyError
from everloop.inference.rows import is_unicode, parse_moment, read_cell

if TYPE_CHECKING:  # at run time it would bring onnxruntime, which recording an outcome does not need
    from everloop.inference.predictor import Answer

MAXIMUM_MESSAGE_BYTES = 1_000_000
"""SQS takes 1 MiB; the rest is room for the envelope."""
MAXIMUM_OUTCOMES = 1_000


def prediction_records(
    definition: Definition, answer: "Answer", *, now: datetime, next_id: Callable[[], str]
) -> list[PredictionRecord]:
    """One record for each row of an answer, in order."""
    event_times = _event_times(definition, answer, now)
    predicted_at = now.isoformat()
    columns = definition.served_columns
    inputs = [_plain(values[:, 0].tolist(), columns[name].type) for name, values in answer.inputs.items()]
    rows = zip(*inputs, strict=True) if inputs else [()] * len(answer.labels)
    names = list(answer.inputs)
    scores = [None] * len(answer.labels) if answer.scores is None else answer.scores.tolist()
    return [
        PredictionRecord(
            prediction_id=next_id(),
            predicted_at=predicted_at,
            event_time=event_time,
            version=answer.version,
            variant=answer.variant,
            answered_by=answer.answered_by,
            score=score,
            label=_label(label),
            inputs=dict(zip(names, row, strict=True)),
        )
        for event_time, score, label, row in zip(event_times, scores, answer.labels, rows, strict=True)
    ]


def _label(label: Any) -> str | None:
    """A class as text; of a recommendation the items as a JSON array."""
    if isinstance(label, list):
        return json.dumps([each.item for each in label], ensure_ascii=False)
    return None if label is None else str(label)


def messages_of(message: PredictionsMessage | OutcomesMessage) -> Iterator[str]:
    """JSON bodies of at most `MAXIMUM_MESSAGE_BYTES` that carry the records; halved until each fits."""
    body = message.model_dump_json()
    count = len(message.records)
    if len(body.encode()) <= MAXIMUM_MESSAGE_BYTES or count == 1:
        yield body
        return
    for half in (message.records[: count // 2], message.records[count // 2 :]):
        yield from messages_of(message.model_copy(update={"records": half}))


def parse_outcomes(body: Any, definition: Definition, *, now: datetime) -> OutcomesMessage:
    """Raises MalformedBodyError for a wrong shape, InvalidRowsError that names each wrong outcome."""
    outcomes = body.get("outcomes") if isinstance(body, dict) else None
    if not isinstance(outcomes, list) or not 1 <= len(outcomes) <= MAXIMUM_OUTCOMES:
        raise MalformedBodyError(
            'expected {"outcomes": [{"prediction_id": …, "actual": …, "observed_at"?: …}]} '
            f"with 1 to {MAXIMUM_OUTCOMES} outcomes"
        )
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


def _event_times(definition: Definition, answer: "Answer", now: datetime) -> list[str]:
    count = len(answer.labels)
    if definition.data.timestamp is None:
        return [now.isoformat()] * count
    seconds = answer.inputs[definition.data.timestamp][:, 0].tolist()
    return [now.isoformat() if math.isnan(s) else datetime.fromtimestamp(s, UTC).isoformat() for s in seconds]


def _plain(values: list[Any], kind: ColumnType) -> list[Any]:
    """JSON values of a column with null where the arrays hold NaN or ''."""
    if kind.is_textual:
        return [value or None for value in values]
    if kind is ColumnType.BOOLEAN or kind is ColumnType.INTEGER:
        plain = bool if kind is ColumnType.BOOLEAN else int
        return [None if value != value else plain(value) for value in values]  # noqa: PLR0124  # NaN is not itself
    return [None if value != value else value for value in values]  # noqa: PLR0124
