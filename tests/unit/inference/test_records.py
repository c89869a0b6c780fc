"""What is remembered of answers, and what outcomes may look like."""

import json
from dataclasses import asdict
from typing import Any

import numpy as np
import pytest

from everloop.contracts.definition import Definition
from everloop.contracts.predictions import OutcomesMessage, PredictionsMessage
from everloop.contracts.tasks import Task
from everloop.errors import InvalidRowsError, MalformedBodyError, StorageError
from everloop.inference.predictor import Answer
from everloop.inference.records import (
    MAXIMUM_MESSAGE_BYTES,
    MAXIMUM_OUTCOMES,
    messages_of,
    parse_outcomes,
    prediction_records,
)
from everloop.inference.rows import to_columns
from everloop.inference.service import PredictionService
from tests.fakes import FixedClock, InMemoryQueue
from tests.samples import NOW, counting_ids, event, example, pump_failure, pump_row

DEFINITION = pump_failure()


def answered(*rows: dict[str, Any]) -> Answer:
    scores = np.linspace(0.2, 0.9, len(rows))
    return Answer(
        3, "model", "champion", scores, [score >= 0.5 for score in scores.tolist()], to_columns(rows, DEFINITION)
    )


def records(*rows: dict[str, Any]) -> list[Any]:
    return prediction_records(DEFINITION, answered(*rows), now=NOW, next_id=counting_ids())


def test_a_record_holds_what_came_and_what_was_answered() -> None:
    first, second = records(pump_row(), pump_row(pump=None, pressure=None, outdoors=False, starts=4))
    assert asdict(first) == {
        "prediction_id": "id-1",
        "predicted_at": "2026-03-14T09:26:53+00:00",
        "event_time": "2026-03-14T08:00:00+00:00",
        "version": 3,
        "variant": "champion",
        "answered_by": "model",
        "score": 0.2,
        "label": "False",
        "inputs": {
            "measured_at": 1773475200.0,
            "pump": "P-7",
            "kind": "axial",
            "pressure": 81.5,
            "starts": 3,
            "outdoors": True,
        },
    }
    assert (second.inputs["pump"], second.inputs["pressure"], second.inputs["outdoors"]) == (None, None, False)
    assert type(second.inputs["starts"]) is int


def test_messages_can_be_read_back_as_they_were_written() -> None:
    written = records(*[pump_row(pump="Ölpumpe 字")] * 3)
    (body,) = messages_of(PredictionsMessage(model="pump-failure", records=tuple(written)))
    assert PredictionsMessage.model_validate_json(body).records == tuple(written)


def test_many_large_rows_travel_in_messages_below_one_megabyte() -> None:
    written = records(*[pump_row(pump="ü" * 4_000)] * 1_000)
    bodies = list(messages_of(PredictionsMessage(model="pump-failure", records=tuple(written))))
    assert all(len(body.encode()) <= MAXIMUM_MESSAGE_BYTES for body in bodies)
    together = [record for body in bodies for record in json.loads(body)["records"]]
    assert [record["prediction_id"] for record in together] == [record.prediction_id for record in written]
    assert len(bodies) == 16


def test_one_row_that_is_too_large_alone_is_left_to_the_queue_to_refuse() -> None:
    written = records(pump_row(pump="x" * 1_100_000), pump_row())
    bodies = list(messages_of(PredictionsMessage(model="pump-failure", records=tuple(written))))
    assert [len(json.loads(body)["records"]) for body in bodies] == [1, 1]


class _DownQueue(InMemoryQueue):
    def send(self, body: str) -> None:
        raise StorageError("the queue is down")


class _Answers:
    def predict(self, definition: Definition, rows: Any, *, pinned_version: int | None = None) -> Answer:
        return answered(*rows)


def test_a_queue_that_is_down_costs_the_log_and_never_the_answer() -> None:
    service = PredictionService(_Answers(), _DownQueue(), FixedClock(NOW), counting_ids())
    reply = service.answer(DEFINITION, {"rows": [pump_row()]})
    assert reply.body == {
        "model": "pump-failure",
        "version": 3,
        "predictions": [
            {"prediction_id": "id-1", "score": 0.2, "label": False, "answered_by": "model", "variant": "champion"}
        ],
    }
    assert [str(failure) for failure in reply.failures] == ["the queue is down"]


class _Forecasts:
    """Knows the value of a week ago in the first row, and that of three days ago in both."""

    def predict(self, definition: Definition, rows: Any, *, pinned_version: int | None = None) -> Answer:
        history = {name: np.full((2, 1), np.nan) for name in definition.histories}
        history |= {"lag_7d": np.array([[5.0], [np.nan]]), "lag_3d": np.ones((2, 1))}
        inputs = to_columns(rows, definition) | history
        return Answer(1, "model", "champion", np.array([2.5, 3.5]), [None, None], inputs)


def test_a_forecast_tells_which_lags_it_had_to_do_without() -> None:
    service = PredictionService(_Forecasts(), InMemoryQueue(), FixedClock(NOW), counting_ids())
    rows = [{"t": "2026-03-14T08:00:00Z", "a": 1.0, "b": None, "c": None}] * 2
    reply = service.answer(example(Task.FORECASTING), {"rows": rows})
    first, second = reply.body["predictions"]
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
    bodies = list(messages_of(outcomes(*entries, definition=example(Task.MULTICLASS))))
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
