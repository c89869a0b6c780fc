"""materialize_history on its sample events."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from functions.materialization import materialize_history
from tests.plant import MODEL, Plant
from tests.samples import MODELS, event

ACCEPTED = event("materialization/batch_accepted.json")
REQUESTED = event("materialization/training_requested.json")
ROWS = 600
PUMPS = 9
HISTORY = """
[history.hard_days]
value = "count()"
by = "pump"
over = "7 days"
where = "starts > 3"
"""


@pytest.fixture
def plant_with_history(plant: Plant, deploy_models: Callable[..., None], tmp_path: Path) -> Plant:
    definition = tmp_path / f"{MODEL}.toml"
    definition.write_text((MODELS / definition.name).read_text("utf-8") + HISTORY, "utf-8")
    deploy_models(definition)
    plant.accept_batch(tmp_path, rows=ROWS)
    return plant


@pytest.mark.parametrize("told", [ACCEPTED, REQUESTED], ids=["batch.accepted", "training.requested"])
def test_each_entity_of_the_lake_gets_its_item(plant_with_history: Plant, told: dict[str, Any]) -> None:
    assert materialize_history.lambda_handler(told, None) == {"batchItemFailures": []}
    items = plant_with_history.histories()
    assert len(items) == PUMPS
    assert all(key.startswith(f"{MODEL}/") and item["state"]["B"] for key, item in items.items())


def test_a_message_that_comes_twice_changes_nothing(plant_with_history: Plant) -> None:
    materialize_history.lambda_handler(ACCEPTED, None)
    first = plant_with_history.histories()
    [record] = ACCEPTED["Records"]
    twice = {"Records": [record, {**record, "messageId": "again"}]}
    assert materialize_history.lambda_handler(twice, None) == {"batchItemFailures": []}
    states = {key: item["state"] for key, item in plant_with_history.histories().items()}
    assert states == {key: item["state"] for key, item in first.items()}


def test_a_model_without_history_keeps_none(plant: Plant, tmp_path: Path) -> None:
    plant.accept_batch(tmp_path, rows=ROWS)
    assert materialize_history.lambda_handler(ACCEPTED, None) == {"batchItemFailures": []}
    assert plant.histories() == {}


def test_a_batch_of_an_unknown_model_is_delivered_again_and_holds_up_no_other(plant_with_history: Plant) -> None:
    [record] = ACCEPTED["Records"]
    lost = {**record, "messageId": "lost", "body": record["body"].replace(MODEL, "pomp")}
    told = {"Records": [lost, record]}
    assert materialize_history.lambda_handler(told, None) == {"batchItemFailures": [{"itemIdentifier": "lost"}]}
    assert len(plant_with_history.histories()) == PUMPS


def test_a_table_that_is_away_brings_the_message_back(
    plant_with_history: Plant, monkeypatch: pytest.MonkeyPatch
) -> None:
    [record] = ACCEPTED["Records"]
    with monkeypatch.context() as context:
        context.setenv("EVERLOOP_HISTORY_TABLE", "gone")
        failed = materialize_history.lambda_handler(ACCEPTED, None)
    assert failed == {"batchItemFailures": [{"itemIdentifier": record["messageId"]}]}
    materialize_history.materialization.cache_clear()
    assert materialize_history.lambda_handler(ACCEPTED, None) == {"batchItemFailures": []}
    assert len(plant_with_history.histories()) == PUMPS
