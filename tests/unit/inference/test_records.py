"""What is remembered of answers, and what outcomes may look like."""

import json
from collections.abc import Callable
from hashlib import sha256
from typing import Any

import numpy as np
import pytest

from everloop.contracts.definition import Definition
from everloop.contracts.predictions import OutcomesMessage, PredictionsMessage
from everloop.contracts.tasks import Task
from everloop.errors import InvalidRowsError, MalformedBodyError, StorageError
from everloop.inference.answer import Answer, Part
from everloop.inference.records import (
    MAXIMUM_MESSAGE_BYTES,
    MAXIMUM_OUTCOMES,
    message_bodies,
    parse_outcomes,
    prediction_message,
)
from everloop.inference.rows import to_columns
from everloop.inference.service import PredictionService
from tests.fakes import FixedClock, InMemoryQueue
from tests.samples import NOW, counting_new_ids, event, example, pump_failure, pump_row

DEFINITION = pump_failure()


def answered(*rows: dict[str, Any]) -> Answer:
    scores = np.linspace(0.2, 0.9, len(rows)).tolist()
    answer = Answer.empty(len(rows))
    answer.inputs = to_columns(rows, DEFINITION)
    answer.fill(range(len(rows)), Part(3, "model", scores, [score >= 0.5 for score in scores], 0.25))
    return answer


def message(*rows: dict[str, Any], definition: Definition = DEFINITION) -> dict[str, Any]:
    return prediction_message(definition, answered(*rows), counting_new_ids()(NOW, len(rows)), now=NOW)


def read(body: str) -> PredictionsMessage:
    return PredictionsMessage.model_validate_json(body)


def test_a_message_holds_what_came_and_what_was_answered() -> None:
    assert message(pump_row(), pump_row(pump=None, pressure=None, outdoors=False, starts=4)) == {
        "kind": "predictions",
        "model": "pump-failure",
        "predicted_at": "2026-03-14T09:26:53+00:00",
        "prediction_id": ["id-1", "id-2"],
        "event_time": ["2026-03-14T08:00:00+00:00"] * 2,
        "version": [3, 3],
        "variant": ["champion", "champion"],
        "answered_by": ["model", "model"],
        "score": [0.2, 0.9],
        "label": ["False", "True"],
        "inputs": {
            "measured_at": [1773475200.0] * 2,
            "pump": ["P-7", None],
            "kind": ["axial", "axial"],
            "pressure": [81.5, None],
            "starts": [3, 4],
            "outdoors": [True, False],
        },
        "latency_ms": [0.25, 0.25],
    }


def test_rows_that_were_answered_apart_keep_their_order() -> None:
    answer = answered(*[pump_row()] * 3)
    answer.fill([0, 2], Part(None, "rule:cold", [0.0, 0.1], [None, None]))
    answer.shadows = [None, 7, None]
    told = prediction_message(DEFINITION, answer, ["a", "b", "c"], now=NOW)
    assert told["answered_by"] == ["rule:cold", "model", "rule:cold"]
    assert told["score"] == [0.0, 0.55, 0.1]
    assert told["label"] == [None, "True", None]
    assert (told["version"], told["latency_ms"]) == ([None, 3, None], [None, 0.25, None])
    assert told["shadow"] == [None, 7, None]


def test_personal_data_is_hashed_or_left_out() -> None:
    columns = {name: column.model_dump(exclude_none=True) for name, column in DEFINITION.columns.items()}
    columns["pump"]["pii"], columns["starts"]["pii"], columns["kind"]["pii"] = "hash", "hash", "drop"
    inputs = message(pump_row(), pump_row(pump=None), pump_row(), definition=pump_failure(columns=columns))["inputs"]
    assert "kind" not in inputs
    first, missing, third = inputs["pump"]
    assert missing is None
    assert first == third == sha256(b"pump-failure\0pump\0P-7").hexdigest()[:32]
    assert inputs["starts"][0] == sha256(b"pump-failure\0starts\x003").hexdigest()[:32]


def test_messages_can_be_read_back_as_they_were_written() -> None:
    written = message(*[pump_row(pump="Ölpumpe 字")] * 3)
    (body,) = message_bodies(written)
    assert read(body) == PredictionsMessage.model_validate(written)
    assert len(read(body)) == 3


def test_many_large_rows_travel_in_messages_below_one_megabyte() -> None:
    written = message(*[pump_row(pump="ü" * 4_000)] * 1_000) | {"shadow": list(range(1_000))}
    bodies = list(message_bodies(written))
    assert all(len(body.encode()) <= MAXIMUM_MESSAGE_BYTES for body in bodies)
    parts = [read(body) for body in bodies]
    assert [each for part in parts for each in part.prediction_id] == written["prediction_id"]
    assert [each for part in parts for each in part.score] == written["score"]
    assert [each for part in parts for each in part.shadow] == written["shadow"]
    assert [each for part in parts for each in part.inputs["starts"]] == written["inputs"]["starts"]
    assert len(bodies) == 16


def test_one_row_that_is_too_large_alone_is_left_to_the_queue_to_refuse() -> None:
    bodies = list(message_bodies(message(pump_row(pump="x" * 1_100_000), pump_row())))
    assert [len(read(body)) for body in bodies] == [1, 1]


class _DownQueue(InMemoryQueue):
    """Stores no message whose place is among these."""

    def __init__(self, *down: int) -> None:
        super().__init__()
        self._down = down
        self._count = 0

    def begin(self, body: str) -> Callable[[], None]:
        place, self._count = self._count, self._count + 1

        def stored() -> None:
            if place in self._down:
                raise StorageError(f"message {place}: the queue is down")
            self.send(body)

        return stored


class _Answers:
    def predict(
        self, definition: Definition, rows: Any, prediction_ids: Any, *, pinned_version: int | None = None
    ) -> Answer:
        return answered(*rows)


def test_a_queue_that_is_down_costs_the_log_and_never_the_answer() -> None:
    service = PredictionService(_Answers(), _DownQueue(0), FixedClock(NOW), counting_new_ids())
    reply = service.answer(DEFINITION, [pump_row()])
    assert (reply.model, reply.version) == ("pump-failure", 3)
    assert reply.predictions == [
        {
            "prediction_id": "id-1",
            "score": 0.2,
            "label": False,
            "version": 3,
            "answered_by": "model",
            "variant": "champion",
        }
    ]
    assert [str(failure) for failure in reply.failures] == ["message 0: the queue is down"]


def test_of_several_messages_one_that_is_lost_costs_no_other() -> None:
    queue = _DownQueue(1)
    service = PredictionService(_Answers(), queue, FixedClock(NOW), counting_new_ids())
    reply = service.answer(DEFINITION, [pump_row(pump="x" * 600_000)] * 3)
    assert [each for body in queue.messages for each in read(body).prediction_id] == ["id-1", "id-3"]
    assert [str(failure) for failure in reply.failures] == ["message 1: the queue is down"]


def test_a_reply_names_a_version_only_if_it_is_the_only_one() -> None:
    class Two(_Answers):
        def predict(self, *args: Any, **options: Any) -> Answer:
            answer = super().predict(*args, **options)
            answer.fill([0], Part(2, "fallback:previous", [0.5], [True]))
            return answer

    service = PredictionService(Two(), InMemoryQueue(), FixedClock(NOW), counting_new_ids())
    reply = service.answer(DEFINITION, [pump_row()] * 2)
    assert reply.version is None
    assert [each["version"] for each in reply.predictions] == [2, 3]
    assert reply.fallbacks == 1
    assert service.answer(DEFINITION, [pump_row()]).version == 2


class _Forecasts:
    """Knows the value of a week ago in the first row, and that of three days ago in both."""

    def predict(
        self, definition: Definition, rows: Any, prediction_ids: Any, *, pinned_version: int | None = None
    ) -> Answer:
        history = {name: np.full((2, 1), np.nan) for name in definition.histories}
        history |= {"lag_7d": np.array([[5.0], [np.nan]]), "lag_3d": np.ones((2, 1))}
        answer = Answer.empty(2)
        answer.inputs = to_columns(rows, definition) | history
        answer.fill(range(2), Part(1, "model", [2.5, 3.5], [None, None]))
        return answer


def test_a_forecast_tells_which_lags_it_had_to_do_without() -> None:
    service = PredictionService(_Forecasts(), InMemoryQueue(), FixedClock(NOW), counting_new_ids())
    rows = [{"t": "2026-03-14T08:00:00Z", "a": 1.0, "b": None, "c": None}] * 2
    first, second = service.answer(example(Task.FORECASTING), rows).predictions
    assert (first["value"], second["value"]) == (2.5, 3.5)
    others = ["lag_14d", "lag_21d", "mean_1d", "mean_7d"]
    assert first["missing_lags"] == ["lag_1d", "lag_2d", *others]
    assert second["missing_lags"] == ["lag_1d", "lag_2d", "lag_7d", *others]


# Outcomes


def outcomes(*entries: Any, definition: Definition = DEFINITION) -> OutcomesMessage:
    return parse_outcomes({"outcomes": list(entries)}, definition, now=NOW)


def problem(entry: Any, definition: Definition = DEFINITION) -> dict[str, Any]:
    with pytest.raises(InvalidRowsError) as caught:
        outcomes(entry, definition=definition)
    (told,) = caught.value.problems
    return told


def test_the_sample_is_read() -> None:
    body = json.loads(event("inference/record_outcome.json")["body"])
    first, second = parse_outcomes(body, DEFINITION, now=NOW).records
    assert (first.actual, first.observed_at) == (1.0, NOW.isoformat())
    assert (second.actual, second.observed_at) == (0.0, "2026-03-15T00:00:00+00:00")


def test_a_thousand_outcomes_of_long_text_travel_in_messages_below_one_megabyte() -> None:
    entries = [{"prediction_id": f"p{number}", "actual": "ž" * 2_000} for number in range(1_000)]
    message = outcomes(*entries, definition=example(Task.MULTICLASS))
    bodies = list(message_bodies(message.model_dump(mode="json")))
    assert all(len(body.encode()) <= MAXIMUM_MESSAGE_BYTES for body in bodies)
    assert sum(len(OutcomesMessage.model_validate_json(body).records) for body in bodies) == 1_000


def test_observed_at_is_kept_in_utc() -> None:
    entry = {"prediction_id": "a", "actual": True, "observed_at": "2026-03-15T00:30:00+02:00"}
    assert outcomes(entry).records[0].observed_at == "2026-03-14T22:30:00+00:00"


def test_what_is_parsed_can_be_sent() -> None:
    message = outcomes({"prediction_id": "Ölpumpe 字", "actual": 1})
    assert OutcomesMessage.model_validate_json(message.model_dump_json()) == message


@pytest.mark.parametrize(
    ("entry", "column", "expected"),
    [
        (7, "", "an object"),
        ({"prediction_id": "a"}, "actual", "true or false, 1 or 0"),
        ({"prediction_id": "a", "actual": "yes"}, "actual", "true or false, 1 or 0"),
        ({"prediction_id": "a", "actual": float("nan")}, "actual", "true or false, 1 or 0"),
        ({"prediction_id": "a", "actual": 10**400}, "actual", "true or false, 1 or 0"),
        ({"prediction_id": "a", "actual": []}, "actual", "true or false, 1 or 0"),
        ({"actual": 1}, "prediction_id", "the id of a prediction"),
        ({"prediction_id": "", "actual": 1}, "prediction_id", "the id of a prediction"),
        ({"prediction_id": "x" * 129, "actual": 1}, "prediction_id", "the id of a prediction"),
        ({"prediction_id": 7, "actual": 1}, "prediction_id", "the id of a prediction"),
        ({"prediction_id": "\ud800", "actual": 1}, "prediction_id", "the id of a prediction"),
        ({"prediction_id": "a", "actual": 1, "score": 2}, "score", "one of prediction_id, actual, observed_at"),
        ({"prediction_id": "a", "actual": 1, "observed_at": "noon"}, "observed_at", "timestamp such as"),
        ({"prediction_id": "a", "actual": 1, "observed_at": 7}, "observed_at", "timestamp such as"),
        (
            {"prediction_id": "a", "actual": 1, "observed_at": "0001-01-01T00:00:00+14:00"},
            "observed_at",
            "timestamp such as",
        ),
    ],
)
def test_a_wrong_outcome_is_named(entry: Any, column: str, expected: str) -> None:
    told = problem(entry)
    assert (told["row"], told["column"]) == (0, column)
    assert told["expected"].startswith(expected)
    assert len(told["got"]) <= 80


@pytest.mark.parametrize("actual", [1, True, "", None, "\ud800"])
def test_a_textual_target_takes_text_alone(actual: Any) -> None:
    definition = example(Task.MULTICLASS)
    assert problem({"prediction_id": "a", "actual": actual}, definition)["expected"].startswith(("category", "text"))
    assert outcomes({"prediction_id": "a", "actual": "ž"}, definition=definition).records[0].actual == "ž"


def test_every_wrong_outcome_is_named_and_none_is_recorded() -> None:
    with pytest.raises(InvalidRowsError, match=r"2 outcome\(s\) cannot be recorded") as caught:
        outcomes({"prediction_id": "a", "actual": 1}, 7, {"prediction_id": "b"})
    assert [told["row"] for told in caught.value.problems] == [1, 2]


@pytest.mark.parametrize(
    "body", [None, [], {}, {"outcomes": []}, {"outcomes": {}}, {"outcomes": [{}] * (MAXIMUM_OUTCOMES + 1)}]
)
def test_a_body_without_outcomes_is_refused(body: Any) -> None:
    with pytest.raises(MalformedBodyError, match="with 1 to 1000 outcomes"):
        parse_outcomes(body, DEFINITION, now=NOW)


def test_a_second_key_of_a_body_is_refused() -> None:
    with pytest.raises(MalformedBodyError, match="unknown key 'x'; a request has one key, 'outcomes'"):
        parse_outcomes({"outcomes": [{"prediction_id": "a", "actual": 1}], "x": 1}, DEFINITION, now=NOW)
