"""predict on the sample requests of the protocols that others have written."""

import json
from typing import Any

import pytest

from functions.inference import predict
from tests.integration.inference.test_predict import serving
from tests.plant import MODEL, Plant
from tests.samples import event

__all__ = ["serving"]


def answer(sample: str) -> tuple[int, dict[str, Any]]:
    response = predict.lambda_handler(event(sample), None)
    return response["statusCode"], json.loads(response["body"])


def test_tensors_are_answered_with_tensors(serving: Plant) -> None:
    status, body = answer("inference/infer.json")
    found = {each["name"]: each["data"] for each in body["outputs"]}
    assert (status, body["model_version"], body["id"]) == (200, "2", "req-1")
    assert (found["score"], found["label"], found["version"]) == ([0.75, 0.75], ["true", "true"], [2, 2])
    (message,) = serving.messages()
    assert json.loads(message)["prediction_id"] == found["prediction_id"]


@pytest.mark.parametrize("sample", ["inference/invoke.json", "inference/invoke_csv.json"])
def test_frames_are_answered_as_mlflow_does(serving: Plant, sample: str) -> None:
    status, body = answer(sample)
    assert (status, body["model"]) == (200, MODEL)
    assert body["predictions"] == [{"score": 0.75, "label": True}] * 2
    (message,) = serving.messages()
    logged = json.loads(message)
    assert logged["prediction_id"] == body["prediction_id"]
    assert (logged["inputs"]["kind"], logged["inputs"]["outdoors"]) == (["Zahnrad-Ölpumpe", "axial"], [True, None])


def test_a_model_is_ready_before_its_first_request(serving: Plant) -> None:
    assert answer("inference/read_readiness.json") == (200, {"name": MODEL, "ready": True})
