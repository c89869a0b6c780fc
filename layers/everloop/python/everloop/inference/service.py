"""A prediction request from its parsed body to the body of its answer."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from everloop.contracts.definition import Definition
from everloop.contracts.predictions import PredictionRecord, PredictionsMessage
from everloop.contracts.registry import parse_version
from everloop.contracts.rows import parse_rows
from everloop.errors import EverloopError, StorageError
from everloop.inference.predictor import Answer, Predictor
from everloop.inference.records import messages_of, prediction_records
from everloop.ports import Clock, MessageQueue


class Reply(NamedTuple):
    body: dict[str, Any]
    failures: tuple[EverloopError, ...]
    """What went wrong on the way to an answer that was given all the same."""
    history_misses: int = 0


class PredictionService:
    def __init__(self, predictor: Predictor, queue: MessageQueue, clock: Clock, next_id: Callable[[], str]) -> None:
        self._predictor = predictor
        self._queue = queue
        self._clock = clock
        self._next_id = next_id

    def answer(self, definition: Definition, body: Any, *, pinned_version: str | None = None) -> Reply:
        """Raises RequestError for what the caller can mend; a queue that is down costs the log, never the answer."""
        version = None if pinned_version is None else parse_version(definition.name, pinned_version)
        rows = parse_rows(body, definition)
        answer = self._predictor.predict(definition, rows, pinned_version=version)
        records = prediction_records(definition, answer, now=self._clock.now(), next_id=self._next_id)
        lags = tuple(definition.forecast.histories(definition.data.target)) if definition.forecast else None
        failures = answer.failures
        try:
            logged = PredictionsMessage.model_construct(
                kind="predictions", model=definition.name, records=tuple(records)
            )
            for message in messages_of(logged):
                self._queue.send(message)
        except StorageError as error:
            failures = (*failures, error)
        return Reply(
            {
                "model": definition.name,
                "version": answer.version,
                "predictions": [
                    _prediction(definition, answer, record, label, lags)
                    for record, label in zip(records, answer.labels, strict=True)
                ],
            },
            failures,
            answer.history_misses,
        )


def _prediction(
    definition: Definition, answer: Answer, record: PredictionRecord, label: Any, lags: Sequence[str] | None
) -> dict[str, Any]:
    """`lags`: what a forecast looks back with; a row beyond the horizon is answered without some, and told so."""
    if definition.recommendation:
        told = {"prediction_id": record.prediction_id, "items": [each._asdict() for each in label]}
        return {**told, "answered_by": answer.answered_by, "variant": answer.variant}
    name = "value" if definition.task.answers_value else "score"
    prediction: dict[str, Any] = {"prediction_id": record.prediction_id, name: record.score}
    if label is not None:
        prediction["label"] = label
    if lags is not None:
        prediction["missing_lags"] = [lag for lag in lags if record.inputs.get(lag) is None]
    return {**prediction, "answered_by": answer.answered_by, "variant": answer.variant}
