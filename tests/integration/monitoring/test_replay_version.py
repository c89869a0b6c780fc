"""replay_version on what answers left in the lake."""

import json
from typing import Any

import pytest
from pydantic import ValidationError

from everloop.contracts.replays import ReplayReport
from everloop.errors import NotFoundError, RequestError
from functions.monitoring import log_predictions, replay_version
from tests.plant import MODEL, Plant
from tests.samples import constant_model, event, register

REQUEST = event("monitoring/replay_version.json")


@pytest.fixture
def logged(plant: Plant) -> Plant:
    for version in (1, 2):
        register(plant.registry, MODEL, f"run-{version}", constant_model(0.25))
    assert log_predictions.lambda_handler(event("monitoring/log_predictions.json"), None) == {"batchItemFailures": []}
    return plant


def replay(**changes: Any) -> dict[str, Any]:
    told: dict[str, Any] = json.loads(
        json.dumps(replay_version.lambda_handler(REQUEST | changes, None), allow_nan=False)
    )
    return told


def test_the_sample_flips_one_of_two_answers_and_is_kept(logged: Plant) -> None:
    told = replay()
    assert (told["rows"], told["flips"], told["directions"]) == (2, 1, {"True → False": 1})
    assert [(each["value"], each["rows"], each["flips"]) for each in told["segments"]] == [
        ("Zahnrad-Ölpumpe", 1, 1),
        ("axial", 1, 0),
    ]
    key = told.pop("key")
    assert key == f"replays/{MODEL}/2-2026-03-14T10-00-00Z.json"
    assert ReplayReport.model_validate_json(logged.lake.get(key).body).model_dump(mode="json") == told
    assert replay() == told | {"key": key, "latency_ms": pytest.approx(told["latency_ms"], rel=100)}


@pytest.mark.parametrize(
    ("changes", "error", "told"),
    [
        ({"version": 7}, NotFoundError, "model 'pump-failure' has no version 7"),
        ({"model": "pump"}, NotFoundError, "no model is called 'pump'"),
        ({"by": "pressure"}, RequestError, "got 'pressure'"),
        ({"last": "soon"}, ValidationError, "expected a duration"),
        ({"version": "2"}, ValidationError, "version"),
    ],
)
def test_what_cannot_be_replayed_is_refused_in_plain_words(
    logged: Plant, changes: dict[str, Any], error: type[Exception], told: str
) -> None:
    with pytest.raises(error, match=told):
        replay(**changes)
    assert list(logged.lake.list_keys("replays/")) == []
