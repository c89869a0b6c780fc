"""predict and record_outcome on their sample requests."""

import json
from typing import Any

import pytest

from everloop.contracts.predictions import PredictionsMessage
from everloop.registry.promotion import promote
from functions.inference import predict, record_outcome
from tests.plant import MODEL, Plant
from tests.samples import NOW, constant_model, event, register


@pytest.fixture
def serving(plant: Plant) -> Plant:
    for version, score in ((1, 0.25), (2, 0.75)):
        register(plant.registry, MODEL, f"run-{version}", constant_model(score))
        plant.registry.change_aliases(
            MODEL, lambda aliases, version=version: promote(aliases, version, at=NOW, reason="", by="run")
        )
    return plant


def answer(request: dict[str, Any]) -> tuple[int, dict[str, Any]]:
    response = predict.lambda_handler(request, None)
    return response["statusCode"], json.loads(response["body"])


def with_body(body: str | None) -> dict[str, Any]:
    return event("inference/predict.json") | {"body": body}


def test_each_row_of_a_request_is_answered_by_the_champion(serving: Plant) -> None:
    status, body = answer(event("inference/predict.json"))
    assert status == 200
    assert (body["model"], body["version"]) == (MODEL, 2)
    first, second = body["predictions"]
    assert {**first, "prediction_id": ""} == {
        "prediction_id": "",
        "score": 0.75,
        "label": True,
        "version": 2,
        "answered_by": "model",
        "variant": "champion",
    }
    assert first["prediction_id"] != second["prediction_id"]


def test_answers_are_queued_for_the_log_under_the_ids_the_caller_got(serving: Plant) -> None:
    _, body = answer(event("inference/predict.json"))
    (message,) = serving.messages()
    logged = PredictionsMessage.model_validate_json(message)
    assert list(logged.prediction_id) == [each["prediction_id"] for each in body["predictions"]]
    assert logged.inputs["kind"][0] == "Zahnrad-Ölpumpe"
    assert logged.inputs["pressure"][1] is None


def test_a_pinned_version_answers_when_it_is_asked_for(serving: Plant) -> None:
    _, body = answer(event("inference/predict_pinned_version.json"))
    assert (body["version"], body["predictions"][0]["score"], body["predictions"][0]["variant"]) == (1, 0.25, "pinned")


@pytest.mark.parametrize("version", ["3", "0", "-1", "latest", "1e3", "²", "99999999999"])
def test_a_version_that_is_none_is_a_404(serving: Plant, version: str) -> None:
    request = event("inference/predict_pinned_version.json")
    request["pathParameters"]["version"] = version
    status, body = answer(request)
    assert (status, body["title"]) == (404, "Not found")


def test_a_model_that_is_not_deployed_is_a_404_that_names_those_that_are(serving: Plant) -> None:
    request = event("inference/predict.json")
    request["pathParameters"]["model"] = "pump"
    status, body = answer(request)
    assert status == 404
    assert body["detail"] == "no model is called 'pump'; deployed models: pump-failure"


@pytest.mark.parametrize("name", ["../aliases", "pump-failure.toml", "", "__init__.py", "PUMP-FAILURE"])
def test_a_path_that_is_no_model_s_name_leads_nowhere(serving: Plant, name: str) -> None:
    request = event("inference/predict.json")
    request["pathParameters"]["model"] = name
    assert answer(request)[0] == 404


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (None, 400),
        ("", 400),
        ("[" * 5_000, 400),
        ('{"rows": [{"starts": ' + "1" * 5_000 + "}]}", 400),
        ('{"rows": [{"starts": NaN}]}', 400),
        ('{"rows": [], "rows": []}', 400),
        ('{"rows": [{"starts": 1', 400),
        ('{"rows": 7}', 400),
        ('{"rows": []}', 400),
        ('{"rows": [{}]}', 422),
        ('{"rows": "' + "x" * 6_000_001 + '"}', 413),
    ],
)
def test_a_hostile_body_is_refused_with_a_problem_document(serving: Plant, body: str | None, status: int) -> None:
    code, document = answer(with_body(body))
    assert (code, document["status"]) == (status, status)
    assert serving.messages() == []


def test_wrong_cells_are_named_one_by_one(serving: Plant) -> None:
    row = {"measured_at": "2026-03-14T08:00:00Z", "starts": "3", "kind": "axail"}
    _, document = answer(with_body(json.dumps({"rows": [row]})))
    assert document["errors"] == [
        {"row": 0, "column": "kind", "expected": "one of axial, radial, Zahnrad-Ölpumpe", "got": "'axail'"},
        {"row": 0, "column": "starts", "expected": "integer", "got": "'3'"},
    ]


def test_a_damaged_champion_does_not_silence_the_route(serving: Plant) -> None:
    key = f"{MODEL}/versions/2/model.onnx"
    serving.models.replace(key, b"damaged", etag=serving.models.get(key).etag)
    _, body = answer(event("inference/predict.json"))
    assert (body["version"], body["predictions"][0]["answered_by"]) == (1, "fallback:previous")


def test_before_the_first_training_the_constant_answers(plant: Plant) -> None:
    _, body = answer(event("inference/predict.json"))
    assert body["version"] is None
    assert body["predictions"][0]["score"] == 0.1
    assert body["predictions"][0]["answered_by"] == "fallback:default"


def test_outcomes_are_queued_for_the_log(plant: Plant) -> None:
    response = record_outcome.lambda_handler(event("inference/record_outcome.json"), None)
    assert (response["statusCode"], json.loads(response["body"])) == (202, {"model": MODEL, "recorded": 2})
    (message,) = plant.messages()
    assert json.loads(message)["kind"] == "outcomes"


@pytest.mark.parametrize("body", [None, "{}", '{"outcomes": [{}]}', '{"outcomes": [{"prediction_id": "\\ud800"}]}'])
def test_wrong_outcomes_are_refused_and_nothing_is_queued(plant: Plant, body: str | None) -> None:
    response = record_outcome.lambda_handler(event("inference/record_outcome.json") | {"body": body}, None)
    assert response["statusCode"] in (400, 422)
    assert plant.messages() == []
