"""record_events on its sample request."""

import hashlib
import json
from typing import Any

import pytest

from functions.ingestion import record_events
from tests.plant import MODEL, Plant
from tests.samples import event

REQUEST = event("ingestion/record_events.json")
ROWS = json.loads(REQUEST["body"])["rows"]


def answer(request: dict[str, Any]) -> tuple[int, dict[str, Any]]:
    response = record_events.lambda_handler(request, None)
    return response["statusCode"], json.loads(response["body"])


def with_rows(*rows: Any) -> dict[str, Any]:
    return REQUEST | {"body": json.dumps({"rows": rows})}


def uploads(plant: Plant) -> list[str]:
    return list(plant.landing.list_keys(""))


def test_the_rows_become_an_upload_as_they_are(plant: Plant) -> None:
    status, body = answer(REQUEST)
    [key] = uploads(plant)
    written = plant.landing.get(key).body
    assert (status, body) == (
        202,
        {"model": MODEL, "rows": 2, "key": key, "batch_id": hashlib.sha256(written).hexdigest()[:16]},
    )
    assert key.startswith(f"uploads/{MODEL}/events-")
    assert key.endswith(".jsonl")
    assert [json.loads(line) for line in written.decode().splitlines()] == ROWS


def test_values_are_not_judged_yet(plant: Plant) -> None:
    strange = {"colour": "red", "pressure": "high", "starts": -1, "kind": [1, {"a": None}], "pump": "a\nb\0"}
    assert answer(with_rows(strange, {}))[0] == 202
    [key] = uploads(plant)
    assert [json.loads(line) for line in plant.landing.get(key).body.decode().splitlines()] == [strange, {}]


def test_the_same_rows_sent_again_are_the_same_batch(plant: Plant) -> None:
    (_, first), (_, second) = answer(REQUEST), answer(REQUEST)
    assert first["batch_id"] == second["batch_id"]
    assert first["key"] != second["key"], "no object is written over"
    assert len(uploads(plant)) == 2


def test_a_thousand_rows_fit_and_one_more_does_not(plant: Plant) -> None:
    assert answer(with_rows(*[{"starts": 1}] * 1_000))[0] == 202
    assert answer(with_rows(*[{"starts": 1}] * 1_001))[0] == 400
    assert len(uploads(plant)) == 1


@pytest.mark.parametrize(
    ("body", "status", "words"),
    [
        (None, 400, "got an empty body"),
        ("[" * 100_000, 400, "nested too deeply"),
        ('{"rows": [{"starts": NaN}]}', 400, "NaN is not JSON"),
        ('{"rows": [{"starts": 1}, {"starts": 1e400}]}', 400, "rows[1]: expected numbers below 1.8e308"),
        ('{"rows": [{"pump": "\\ud800"}]}', 400, "rows[0]: expected"),
        ('{"rows": [{"\\ud800": 1}]}', 400, "rows[0]: expected"),
        ('{"rows": [{"starts": 1, "starts": 2}]}', 400, "is given twice"),
        ('{"rows": 7}', 400, 'expected {"rows": ['),
        ('{"rows": []}', 400, "expected 1 to 1000 rows, got 0"),
        ('{"rows": [{}, 7]}', 400, "rows[1]: expected an object, got 7"),
        ('{"rows": "' + "x" * 6_000_001 + '"}', 413, "send fewer rows"),
    ],
)
def test_a_body_that_would_be_no_file_is_refused_and_nothing_is_kept(
    plant: Plant, body: str | None, status: int, words: str
) -> None:
    code, document = answer(REQUEST | {"body": body})
    assert (code, document["status"]) == (status, status)
    assert words in document["detail"]
    assert uploads(plant) == []


@pytest.mark.parametrize("name", ["pomp", "../aliases", "", "PUMP-FAILURE"])
def test_a_model_that_is_not_deployed_is_a_404_and_nothing_is_kept(plant: Plant, name: str) -> None:
    status, document = answer(REQUEST | {"pathParameters": {"model": name}})
    assert (status, document["title"]) == (404, "Not found")
    assert uploads(plant) == []


def test_a_landing_bucket_that_does_not_answer_is_a_503(plant: Plant, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EVERLOOP_LANDING_BUCKET", "gone")
    assert answer(REQUEST)[0] == 503
