"""explain_prediction on what answers and outcomes left in the lake."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from functions.inference import predict
from functions.monitoring import explain_prediction, log_predictions
from tests.http_aws import aws_over_http
from tests.plant import MODEL, Plant
from tests.samples import MODELS, echo_model, event, register

RULE = """
[[serving.rules]]
name = "of-a-kind"
when = "kind = 'axial'"
answer = 0.01

[monitoring]"""


def asked(prediction_id: str | None = None) -> tuple[int, dict[str, Any]]:
    request = event("monitoring/explain_prediction.json")
    if prediction_id is not None:
        request["pathParameters"]["prediction_id"] = prediction_id
    response = explain_prediction.lambda_handler(request, None)
    return response["statusCode"], json.loads(response["body"])


@pytest.fixture
def logged(plant: Plant) -> Plant:
    register(plant.registry, MODEL, "run-1", echo_model())
    assert log_predictions.lambda_handler(event("monitoring/log_predictions.json"), None) == {"batchItemFailures": []}
    return plant


def test_the_sample_is_explained(logged: Plant) -> None:
    status, told = asked()
    assert status == 200
    assert (told["model"], told["answer"]["score"], told["answer"]["label"]) == (MODEL, 0.7, "True")
    assert told["request"]["kind"] == "Zahnrad-Ölpumpe"
    assert told["features"] == {"hour": 8.0, "pressure_per_start": 20.375}
    assert told["version"]["run_id"] == "run-1"
    assert told["shadow"]["version"] == 2
    assert [each["actual"] for each in told["outcomes"]] == ["1.0"]
    assert told["reexecution"]["reproduced"] is False, "the sample's score is not what this model gives"
    assert "now it is 0x1.4600000000000p+6" in told["reexecution"]["detail"]


@pytest.mark.parametrize("prediction_id", ["019cebc2-3b35-7cc3-98c4-dc0c0c07398e", "7", "../aliases", "", "%F0"])
def test_an_id_that_is_not_in_the_log_is_a_404(logged: Plant, prediction_id: str) -> None:
    status, document = asked(prediction_id)
    assert (status, document["title"]) == (404, "Not found")


def test_a_rule_s_answer_is_looked_up_in_the_deployed_rules(
    plant: Plant, deploy_models: Callable[..., None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / f"{MODEL}.toml"
    file.write_text((MODELS / f"{MODEL}.toml").read_text("utf-8").replace("[monitoring]", RULE.lstrip("\n")), "utf-8")
    deploy_models(file)
    with aws_over_http() as url, monkeypatch.context() as patched:
        patched.setenv("AWS_ENDPOINT_URL", url)
        response = predict.lambda_handler(event("inference/predict.json"), None)
    answered = json.loads(response["body"])["predictions"]
    bodies = plant.messages()
    (record, *_) = event("monitoring/log_predictions.json")["Records"]
    log_predictions.lambda_handler({"Records": [{**record, "body": body} for body in bodies]}, None)
    told = [asked(each["prediction_id"])[1] for each in answered]
    assert {each["answer"]["answered_by"] for each in told} == {"rule:of-a-kind", "fallback:default"}
    for each in told:
        by_rule = each["answer"]["answered_by"] == "rule:of-a-kind"
        assert each["rule"] == ({"name": "of-a-kind", "when": "kind = 'axial'", "answer": 0.01} if by_rule else None)
        assert each["reexecution"]["reproduced"] is (True if by_rule else None)
