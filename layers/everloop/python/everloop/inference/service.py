"""A prediction request from its rows to its answers."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from everloop.contracts.definition import Definition
from everloop.contracts.registry import parse_version
from everloop.errors import EverloopError, StorageError
from everloop.ids import new_ids
from everloop.inference.answer import Answer
from everloop.inference.predictor import Predictor
from everloop.inference.records import message_bodies, prediction_message
from everloop.ports import Clock, MessageQueue


class Reply(NamedTuple):
    model: str
    version: int | None
    """The one version that answered; None when none did, or several."""
    predictions: list[dict[str, Any]]
    failures: Sequence[EverloopError]
    """What went wrong on the way to answers that were given all the same."""
    fallbacks: int = 0
    history_misses: int = 0


class PredictionService:
    def __init__(
        self,
        predictor: Predictor,
        queue: MessageQueue,
        clock: Clock,
        ids: Callable[[Any, int], list[str]] = new_ids,
    ) -> None:
        """`ids(now, count)` gives the predictions theirs."""
        self._predictor = predictor
        self._queue = queue
        self._clock = clock
        self._ids = ids
        self._lags: dict[str, tuple[Definition, Sequence[str]]] = {}

    def answer(
        self, definition: Definition, rows: Sequence[dict[str, Any]], *, pinned_version: str | None = None
    ) -> Reply:
        """Raises RequestError for what the caller can mend; a queue that is down costs the log, never the answer."""
        version = None if pinned_version is None else parse_version(definition.name, pinned_version)
        now = self._clock.now()
        ids = self._ids(now, len(rows))
        answer = self._predictor.predict(definition, rows, ids, pinned_version=version)
        message = prediction_message(definition, answer, ids, now=now)
        stored = self._begin_to_log(message, answer.failures)
        predictions = self._predictions(definition, answer, ids, message["inputs"])
        _finish(stored, answer.failures)
        versions = set(answer.versions) - {None}
        return Reply(
            model=definition.name,
            version=versions.pop() if len(versions) == 1 else None,
            predictions=predictions,
            failures=answer.failures,
            fallbacks=answer.fallbacks,
            history_misses=answer.history_misses,
        )

    def _begin_to_log(self, message: dict[str, Any], failures: list[EverloopError]) -> Callable[[], None]:
        """The last message is on its way while the answer is written."""
        stored = _nothing
        for body in message_bodies(message):
            _finish(stored, failures)
            stored = self._queue.begin(body)
        return stored

    def _predictions(
        self, definition: Definition, answer: Answer, ids: Sequence[str], inputs: dict[str, list[Any]]
    ) -> list[dict[str, Any]]:
        name = "value" if definition.task.answers_value else "score"
        predictions = []
        for prediction_id, score, label, version, answered_by, variant in zip(
            ids, answer.scores, answer.labels, answer.versions, answer.answered_by, answer.variants, strict=True
        ):
            prediction: dict[str, Any] = {"prediction_id": prediction_id}
            if definition.recommendation:
                prediction["items"] = [each._asdict() for each in label]
            else:
                prediction[name] = score
                if label is not None:
                    prediction["label"] = label
            prediction |= {"version": version, "answered_by": answered_by, "variant": variant}
            predictions.append(prediction)
        if definition.forecast:
            self._add_missing_lags(definition, predictions, inputs)
        return predictions

    def _add_missing_lags(
        self, definition: Definition, predictions: list[dict[str, Any]], inputs: dict[str, list[Any]]
    ) -> None:
        """What a forecast looks back with; a row beyond the horizon is answered without some, and told so."""
        known = self._lags.get(definition.name)
        if known is None or known[0] is not definition:
            assert definition.forecast
            known = definition, tuple(definition.forecast.histories(definition.data.target))
            self._lags[definition.name] = known
        for row, prediction in enumerate(predictions):
            prediction["missing_lags"] = [lag for lag in known[1] if inputs[lag][row] is None]


def _nothing() -> None:
    """No message is on its way."""


def _finish(stored: Callable[[], None], failures: list[EverloopError]) -> None:
    try:
        stored()
    except StorageError as error:
        failures.append(error)
