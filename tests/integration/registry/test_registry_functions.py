"""register_version, set_alias, read_models and operate_models on their samples."""

import json
from typing import Any

import pytest

from everloop.contracts.registry import RunReport, TrainingRequest
from everloop.stores.work import CANDIDATE, WorkStore
from functions.registry import operate_models, read_models, register_version, set_alias
from tests.plant import MODEL, Plant
from tests.samples import NOW, event, register, version_files


def read(sample: str) -> tuple[int, Any]:
    response = read_models.lambda_handler(event(f"registry/{sample}.json"), None)
    is_json = "json" in response["headers"]["Content-Type"]
    return response["statusCode"], json.loads(response["body"]) if is_json else response["body"]


def operate(sample: str, **changes: Any) -> tuple[int, dict[str, Any]]:
    response = operate_models.lambda_handler(event(f"registry/{sample}.json") | changes, None)
    return response["statusCode"], json.loads(response["body"])


def test_a_candidate_becomes_the_next_version_once_however_often_it_is_registered(plant: Plant) -> None:
    request = event("registry/register_version.json")
    files = version_files(request["run_id"])
    WorkStore(plant.lake, MODEL, request["run_id"]).write_all({CANDIDATE + name: body for name, body in files.items()})
    for _ in range(2):
        assert register_version.lambda_handler(request, None) == {"version": 1}
    assert plant.registry.versions(MODEL) == [1]
    assert {name: plant.registry.read(MODEL, 1, name) for name in files} == files
    assert [(told["type"], told["data"]) for told in plant.events()] == [
        ("model.version_created", {"version": 1, "run_id": request["run_id"]})
    ] * 2


def test_the_version_of_a_run_becomes_champion_once(plant: Plant) -> None:
    register(plant.registry, MODEL, "run-1")
    for _ in range(2):
        told = set_alias.lambda_handler(event("registry/set_alias.json"), None)
        assert told == {"promoted": True, "challenging": False, "detail": "", "champion": 1, "epoch": 1}
    (change,) = plant.registry.aliases(MODEL).history
    assert change.by == f"run {event('registry/set_alias.json')['run_id']}"
    assert {told["type"] for told in plant.events()} == {"model.alias_changed"}


def test_the_version_of_a_run_is_put_on_trial_where_the_definition_says_so(plant: Plant) -> None:
    for number in (1, 2):
        register(plant.registry, MODEL, f"run-{number}")
    operate("promote")
    request = event("registry/set_alias.json") | {"version": 2, "mode": "canary", "against": 1}
    for _ in range(2):
        told = set_alias.lambda_handler(request, None)
        assert (told["promoted"], told["challenging"], told["champion"], told["epoch"]) == (False, True, 1, 2)
        assert told["detail"].startswith("began an experiment (canary) with version 2 since ")
    assert {told["type"] for told in plant.events()} == {"model.alias_changed", "model.traffic_changed"}


def test_every_read_route_answers(plant: Plant) -> None:
    register(plant.registry, MODEL, "run-1")
    report = RunReport(model=MODEL, run_id="run-1", status="registered", version=1, finished_at=NOW)
    plant.registry.save_report(report)
    operate("promote")
    status, body = read("read_models")
    assert status == 200
    assert [model["model"] for model in body["models"]] == [MODEL]
    assert read("read_model")[1]["champion"] == 1
    assert read("read_versions")[1]["versions"][0]["metrics"] == {"roc_auc": 0.8}
    assert read("read_version")[1]["lineage"] == {"run_id": "run-1"}
    assert read("read_card") == (200, "# Card of run-1")
    assert read("read_plot") == (200, "<svg><title>run-1</title></svg>")
    assert read("read_history")[1]["history"][0]["reason"] == "looks good"
    assert read("read_champion_at")[1]["champion"] is None, "at that moment, before the promotion"
    assert read("read_monitoring")[1] == {"model": MODEL, "checks": []}
    assert read("read_run")[1]["status"] == "registered"
    assert [run["run_id"] for run in read("read_runs")[1]["runs"]] == ["run-1"]
    assert read("read_datasets")[1] == {"model": MODEL, "datasets": []}
    plan = read("read_planned_dataset")[1]
    assert (plan["known_at"], plan["exists"], plan["manifest"]["batches"]) == ("2026-03-14T09:30:00+00:00", False, [])


def test_a_browser_may_keep_a_plot_and_runs_nothing_in_it(plant: Plant) -> None:
    register(plant.registry, MODEL, "run-1")
    headers = read_models.lambda_handler(event("registry/read_plot.json"), None)["headers"]
    assert headers["Content-Type"] == "image/svg+xml; charset=utf-8"
    assert headers["Content-Security-Policy"] == "default-src 'none'; sandbox"
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert "immutable" in headers["Cache-Control"]


@pytest.mark.parametrize(
    "sample", ["read_version", "read_card", "read_plot", "read_run", "read_dataset", "read_dataset_diff"]
)
def test_what_does_not_exist_is_a_404(plant: Plant, sample: str) -> None:
    status, body = read(sample)
    assert (status, body["title"]) == (404, "Not found")


def test_every_route_of_the_readers_and_operators_has_a_sample() -> None:
    samples = {event(f"registry/{name}.json").get("resource") for name in SAMPLES}
    assert samples == {*read_models.ROUTES, *operate_models.ROUTES}


SAMPLES = (
    "read_models",
    "read_model",
    "read_versions",
    "read_version",
    "read_card",
    "read_plot",
    "read_datasets",
    "read_planned_dataset",
    "read_dataset",
    "read_dataset_diff",
    "read_history",
    "read_champion_at",
    "read_monitoring",
    "read_runs",
    "read_run",
    "request_training",
    "request_reproduction",
    "request_import",
    "promote",
    "roll_back",
    "change_traffic",
)


def test_a_training_can_be_asked_for(plant: Plant) -> None:
    status, body = operate("request_training")
    assert status == 202
    (told,) = plant.events()
    assert told["type"] == "training.requested"
    assert TrainingRequest.model_validate(told["data"]) == TrainingRequest.model_validate(body)
    assert (body["reason"], body["requested_by"]) == ("new sensors", "arn:aws:iam::123456789012:user/ann")


def test_an_import_can_be_asked_for(plant: Plant) -> None:
    status, body = operate("request_import")
    assert status == 202
    (told,) = plant.events()
    assert told["type"] == "training.requested"
    asked = TrainingRequest.model_validate(told["data"])
    assert asked == TrainingRequest.model_validate(body)
    assert asked.imported
    assert (asked.imported.inputs, asked.imported.answer) == (("pressure", "starts", "hour"), "logit")
    assert asked.reason == "`pump-failure.onnx` was imported by an operator"


def test_an_operator_promotes_and_rolls_back(plant: Plant) -> None:
    for number in (1, 2):
        register(plant.registry, MODEL, f"run-{number}")
    assert operate("promote")[1]["champion"] == 1
    assert operate("promote", body='{"version": 2}')[1]["champion"] == 2
    assert operate("roll_back")[1]["champion"] == 1
    status, problem = operate("roll_back")
    assert (status, problem["detail"]) == (409, "'pump-failure' cannot be rolled back: version 1 is its first champion")
    assert [told["data"]["by"] for told in plant.events()] == ["arn:aws:iam::123456789012:user/ann"] * 3


def test_an_operator_begins_an_experiment_and_stops_it(plant: Plant) -> None:
    for number in (1, 2):
        register(plant.registry, MODEL, f"run-{number}")
    operate("promote")
    status, body = operate("change_traffic")
    assert (status, body["champion"], body["traffic"]["challenger"]) == (200, 1, 2)
    assert (body["traffic"]["share"], read("read_model")[1]["traffic"]) == (0.2, body["traffic"])
    assert operate("change_traffic")[0] == 409, "one at a time"
    assert operate("change_traffic", body='{"mode": "champion"}')[1]["traffic"] is None
    types = [told["type"] for told in plant.events()]
    assert types == ["model.alias_changed", "model.traffic_changed", "model.traffic_changed"]


@pytest.mark.parametrize(
    ("sample", "body", "status"),
    [
        ("change_traffic", None, 400),
        ("change_traffic", '{"mode": "ab", "challenger": 9}', 404),
        ("promote", None, 400),
        ("promote", "{}", 400),
        ("promote", '{"version": "1"}', 400),
        ("promote", '{"version": 9}', 404),
        ("promote", "[" * 5_000, 400),
        ("request_training", '{"as_of": "soon"}', 400),
        ("roll_back", '{"reason": 7}', 400),
        ("roll_back", None, 409),
        ("request_reproduction", None, 404),
        ("request_import", None, 400),
        ("request_import", '{"sha256": "1f"}', 400),
    ],
)
def test_a_wrong_request_is_refused_and_nothing_happens(
    plant: Plant, sample: str, body: str | None, status: int
) -> None:
    code, problem = operate(sample, body=body)
    assert (code, problem["status"]) == (status, status)
    assert plant.events() == []
    assert plant.registry.aliases(MODEL).epoch == 0
