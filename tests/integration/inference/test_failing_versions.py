"""Whatever is wrong with a version, every row gets an answer, and the log says what was wrong."""

import json
from collections.abc import Callable
from typing import Any, NamedTuple

import boto3
import pytest

from everloop.contracts.predictions import PredictionsMessage
from everloop.contracts.registry import Breaker
from everloop.contracts.tasks import Task
from everloop.registry.promotion import promote, roll_back
from functions.inference import predict
from tests.failing_models import (
    FOR_EVER,
    laborious_model,
    model_of_a_later_opset,
    model_that_raises,
    model_with_one_answer_for_all,
    model_with_two_outputs,
)
from tests.plant import MODEL, Plant
from tests.samples import NOW, constant_model, echo_model, event, pump_row, register


class Served(NamedTuple):
    predictions: list[dict[str, Any]]
    metrics: dict[str, Any]

    def each(self, name: str) -> list[Any]:
        return [prediction[name] for prediction in self.predictions]


Ask = Callable[..., Served]


@pytest.fixture
def ask(plant: Plant, capsys: pytest.CaptureFixture[str]) -> Ask:
    def send(*rows: dict[str, Any]) -> Served:
        capsys.readouterr()
        body = json.dumps({"rows": rows or [pump_row(), pump_row(pressure=0.5)]})
        response = predict.lambda_handler(event("inference/predict.json") | {"body": body}, None)
        assert response["statusCode"] == 200, response["body"]
        lines = [json.loads(line) for line in capsys.readouterr().out.splitlines() if '"_aws"' in line]
        assert len(lines) == 1, "one line of metrics for each request"
        return Served(json.loads(response["body"])["predictions"], lines[0])

    return send


def champion(plant: Plant, *models: bytes) -> int:
    """The last one of them; each was promoted after the one before."""
    version = 0
    for model in models:
        version = register(plant.registry, MODEL, f"run-{len(plant.registry.versions(MODEL)) + 1}", model)
        plant.registry.change_aliases(
            MODEL, lambda aliases, version=version: promote(aliases, version, at=NOW, reason="", by=f"run-{version}")
        )
    return version


def overwrite(plant: Plant, key: str, body: bytes) -> None:
    plant.models.replace(key, body, etag=plant.models.get(key).etag)


def remove(plant: Plant, version: int, name: str) -> None:
    boto3.client("s3").delete_object(Bucket=plant.models.bucket, Key=f"{MODEL}/versions/{version}/{name}")


def flip_a_byte(plant: Plant, version: int) -> None:
    key = f"{MODEL}/versions/{version}/model.onnx"
    body = bytearray(plant.models.get(key).body)
    body[len(body) // 2] ^= 1
    overwrite(plant, key, bytes(body))


def _nothing_more(plant: Plant, version: int) -> None:
    """Its bytes are as they were registered."""


def _without(name: str) -> Callable[[Plant, int], None]:
    return lambda plant, version: remove(plant, version, name)


NAN = float("nan")
Damage = Callable[[Plant, int], None]
FAILURES: dict[str, tuple[bytes, Damage, str]] = {
    "missing: its model": (constant_model(0.75), _without("model.onnx"), "ModelMissingError"),
    "missing: its manifest": (constant_model(0.75), _without("manifest.json"), "ModelMissingError"),
    "corrupt: one flipped bit": (constant_model(0.75), flip_a_byte, "IntegrityError"),
    "schema: a column gone": (constant_model(0.75, column="altitude"), _nothing_more, "WrongSchemaError"),
    "schema: another type": (constant_model(0.75, column="kind"), _nothing_more, "WrongSchemaError"),
    "schema: another task": (
        constant_model(0.75, task=Task.REGRESSION, classes=()),
        _nothing_more,
        "WrongSchemaError",
    ),
    "schema: other classes": (constant_model(0.75, classes=("no", "yes")), _nothing_more, "WrongSchemaError"),
    "schema: two outputs": (model_with_two_outputs(), _nothing_more, "WrongSchemaError"),
    "schema: one answer for all rows": (model_with_one_answer_for_all(), _nothing_more, "WrongSchemaError"),
    "too slow": (laborious_model(steps=FOR_EVER), _nothing_more, "ModelTooSlowError"),
    "NaN": (constant_model(NAN), _nothing_more, "NotFiniteError"),
    "infinity": (constant_model(float("inf")), _nothing_more, "NotFiniteError"),
    "load: no model at all": (b"no model at all", _nothing_more, "ModelLoadError"),
    "load: nothing": (b"", _nothing_more, "ModelLoadError"),
    "load: an unknown opset": (model_of_a_later_opset(), _nothing_more, "ModelLoadError"),
    "load: three classes of a binary task": (constant_model(0.75, classes=(1, 2, 3)), _nothing_more, "ModelLoadError"),
    "raises": (model_that_raises(), _nothing_more, "ModelUnavailableError"),
}


@pytest.mark.parametrize("kind", FAILURES)
def test_whatever_fails_the_version_before_answers_and_then_the_constant(plant: Plant, ask: Ask, kind: str) -> None:
    model, damage, error = FAILURES[kind]
    version = champion(plant, constant_model(0.25), model)
    damage(plant, version)
    for _ in range(5):
        served = ask()
        assert served.each("answered_by") == ["fallback:previous"] * 2
        assert served.each("score") == [0.25, 0.25]
        assert served.each("version") == [1, 1]
        assert served.each("variant") == ["champion"] * 2
        assert served.metrics["model"] == MODEL
        assert (served.metrics["Predictions"], served.metrics["Fallbacks"]) == (2, 2)
        assert served.metrics["ModelFailures"] == 1
        assert served.metrics.get(error, served.metrics.get("VersionRestsError")) == 1
    logged = [PredictionsMessage.model_validate_json(body) for body in plant.messages()]
    assert [(each.answered_by, each.version) for each in logged] == [(("fallback:previous",) * 2, (1, 1))] * 5


@pytest.mark.parametrize("kind", FAILURES)
def test_a_first_version_that_fails_leaves_the_constant(plant: Plant, ask: Ask, kind: str) -> None:
    model, damage, error = FAILURES[kind]
    damage(plant, champion(plant, model))
    served = ask()
    assert served.each("answered_by") == ["fallback:default"] * 2
    assert served.each("score") == [0.1, 0.1]
    assert served.each("version") == [None, None]
    assert served.metrics[error] == served.metrics["ModelFailures"] == 1


def test_rows_that_a_model_has_no_number_for_are_answered_by_the_one_before(plant: Plant, ask: Ask) -> None:
    champion(plant, constant_model(0.25), echo_model())
    served = ask(pump_row(pressure=0.5), pump_row(pressure=None), pump_row(pressure=0.75))
    assert served.each("score") == [0.5, 0.25, 0.75]
    assert served.each("answered_by") == ["model", "fallback:previous", "model"]
    assert served.each("version") == [2, 1, 2]
    assert (served.metrics["NotFiniteError"], served.metrics["Fallbacks"]) == (1, 1)


def test_a_sound_champion_leaves_no_trace_of_failure(plant: Plant, ask: Ask) -> None:
    champion(plant, constant_model(0.25))
    served = ask()
    assert served.each("answered_by") == ["model"] * 2
    assert served.metrics.keys() == {"_aws", "model", "service", "Predictions"}
    assert not plant.models.exists(f"{MODEL}/breaker.json")


def test_a_version_that_keeps_failing_rests_and_all_workers_are_told(plant: Plant, ask: Ask) -> None:
    version = champion(plant, constant_model(0.25), b"no model at all")
    told = [ask().metrics for _ in range(4)]
    assert [next(name for name in metrics if name.endswith("Error")) for metrics in told] == [
        *["ModelLoadError"] * 3,
        "VersionRestsError",
    ]
    board = Breaker.model_validate_json(plant.models.get(f"{MODEL}/breaker.json").body)
    assert board.resting.keys() == {version}
    assert "cannot be loaded" in board.resting[version].reason
    predict.endpoint.cache_clear()  # another worker
    assert ask().metrics["ModelLoadError"] == 1
    assert ask().metrics["VersionRestsError"] == 1


def test_a_rollback_ends_the_trouble(plant: Plant, ask: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EVERLOOP_ALIASES_MAX_AGE_S", "0")
    champion(plant, constant_model(0.25), b"no model at all")
    assert ask().each("answered_by") == ["fallback:previous"] * 2
    plant.registry.change_aliases(MODEL, lambda aliases: roll_back(aliases, at=NOW, reason="", by="me"))
    served = ask()
    assert served.each("answered_by") == ["model"] * 2
    assert "ModelFailures" not in served.metrics


def test_damaged_aliases_are_counted_and_yesterdays_champion_answers(
    plant: Plant, ask: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EVERLOOP_ALIASES_MAX_AGE_S", "0")
    champion(plant, constant_model(0.25))
    ask()
    overwrite(plant, f"{MODEL}/aliases.json", b"damaged")
    served = ask()
    assert served.each("answered_by") == ["model"] * 2
    assert served.metrics["IntegrityError"] == served.metrics["ModelFailures"] == 1


def test_answers_that_were_not_logged_are_counted(plant: Plant, ask: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EVERLOOP_PREDICTION_QUEUE_URL", "https://sqs.eu-central-1.amazonaws.com/123456789012/gone")
    champion(plant, constant_model(0.25))
    served = ask()
    assert served.each("answered_by") == ["model"] * 2
    assert served.metrics["StorageFailures"] == served.metrics["StorageError"] == 1


def test_a_bucket_that_is_not_there_leaves_the_constant(
    plant: Plant, ask: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EVERLOOP_MODELS_BUCKET", "everloop-nowhere")
    served = ask()
    assert served.each("answered_by") == ["fallback:default"] * 2
    assert served.metrics["StorageFailures"] == 1
