"""From `[[serving.rules]]` in a definition, by the layer of a deploy, to the answer of predict."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from everloop.contracts.predictions import PredictionsMessage
from everloop.registry.promotion import promote
from functions.inference import predict
from tests.plant import MODEL, Plant
from tests.samples import MODELS, NOW, constant_model, event, pump_row, register

RULES = """
[[serving.rules]]
name = "at-rest"
when = "pressure_per_start < 1"
answer = 0

[[serving.rules]]
name = "bursting"
when = "pressure > 900 OR pump = 'P-0'"
answer = 1
"""


@pytest.fixture
def serving(plant: Plant, deploy_models: Callable[..., None], tmp_path: Path) -> Plant:
    definition = tmp_path / "pump-failure.toml"
    definition.write_text((MODELS / "pump-failure.toml").read_text("utf-8") + RULES, "utf-8")
    deploy_models(definition)
    register(plant.registry, MODEL, "run-1", constant_model(0.75))
    plant.registry.change_aliases(MODEL, lambda aliases: promote(aliases, 1, at=NOW, reason="", by="run"))
    return plant


def answers(*rows: dict[str, Any]) -> list[tuple[str, float, int | None]]:
    response = predict.lambda_handler(event("inference/predict.json") | {"body": json.dumps({"rows": rows})}, None)
    told = json.loads(response["body"])["predictions"]
    return [(each["answered_by"], each["score"], each["version"]) for each in told]


def test_rules_answer_their_rows_and_the_model_the_others(serving: Plant) -> None:
    assert answers(
        pump_row(pressure=1.0, starts=3),
        pump_row(),
        pump_row(pressure=950.0),
        pump_row(pressure=None),
        pump_row(pressure=None, pump="P-0"),
    ) == [
        ("rule:at-rest", 0.0, None),
        ("model", 0.75, 1),
        ("rule:bursting", 1.0, None),
        ("model", 0.75, 1),
        ("rule:bursting", 1.0, None),
    ]
    (message,) = serving.messages()
    assert PredictionsMessage.model_validate_json(message).answered_by[:2] == ("rule:at-rest", "model")


def test_rules_answer_without_any_version(serving: Plant) -> None:
    serving.registry.change_aliases(MODEL, lambda aliases: aliases.model_copy(update={"champion": None, "history": ()}))
    assert answers(pump_row(pressure=1.0, starts=3), pump_row()) == [
        ("rule:at-rest", 0.0, None),
        ("fallback:default", 0.1, None),
    ]


def test_a_version_that_is_asked_for_answers_without_rules(serving: Plant) -> None:
    request = event("inference/predict_pinned_version.json") | {
        "body": json.dumps({"rows": [pump_row(pressure=1.0, starts=3)]})
    }
    [told] = json.loads(predict.lambda_handler(request, None)["body"])["predictions"]
    assert (told["answered_by"], told["score"], told["variant"]) == ("model", 0.75, "pinned")
