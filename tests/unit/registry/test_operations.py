"""What operators ask for over HTTP: checked, recorded, announced."""

from datetime import UTC, datetime
from typing import Any

import pytest

from everloop.contracts.imports import EXPECTED, ImportedModel, Reference
from everloop.contracts.registry import TrainingRequest
from everloop.contracts.tasks import Task
from everloop.errors import ConflictingRequestError, MalformedBodyError, NotFoundError
from everloop.stores.registry import ModelRegistry
from tests.samples import NOW, example, pump_failure
from tests.unit.registry.conftest import MODEL, World


def test_a_training_request_is_published_as_the_workflow_takes_it(world: World) -> None:
    answer = world.operations.request_training(MODEL, {"reason": "new sensors"}, by="arn:aws:iam::1:user/ann")
    (event,) = world.bus.events
    assert (event.type, event.subject, event.data) == ("training.requested", MODEL, answer)
    request = TrainingRequest.model_validate(event.data)
    assert (request.run_id, request.as_of, request.reason) == ("run-1", NOW, "new sensors")
    assert request.requested_by == "arn:aws:iam::1:user/ann"


@pytest.mark.parametrize("text", ["2026-01-31T12:00:00Z", "2026-01-31T12:00:00", "2026-01-31T13:00:00+01:00"])
def test_as_of_is_an_aware_moment_whatever_its_zone(world: World, text: str) -> None:
    answer = world.operations.request_training(MODEL, {"as_of": text}, by="ann")
    assert datetime.fromisoformat(answer["as_of"]) == datetime(2026, 1, 31, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("operation", "body", "told"),
    [
        ("request_training", [], 'expected an object {"as_of": str, "reason": str}, got a JSON list'),
        ("request_training", None, "got a JSON NoneType"),
        ("request_training", {"asof": "2026-01-31"}, "unknown key 'asof'"),
        ("request_training", {"as_of": "soon"}, "as_of: expected a timestamp such as 2026-01-31T00:00:00Z, got 'soon'"),
        (
            "request_training",
            {"as_of": "0001-01-05"},
            "as_of: expected a timestamp of the years 1900 to 9999, got '0001-",
        ),
        ("request_training", {"as_of": "9999-12-31T23:59:59-01:00"}, "as_of: expected a timestamp such as 2026-01-31T"),
        ("request_training", {"as_of": 17}, "as_of: expected str, got 17"),
        ("request_training", {"reason": None}, "reason: expected str, got None"),
        ("promote", {}, "got no version"),
        ("promote", {"version": "1"}, "version: expected int, got '1'"),
        ("promote", {"version": True}, "version: expected int, got True"),
        ("promote", {"version": 1.0}, "version: expected int, got 1.0"),
        ("promote", {"version": 1, "force": True}, "unknown key 'force'"),
        ("promote", "1", "got a JSON str"),
        ("roll_back", {"to": 1}, "unknown key 'to'"),
        ("roll_back", {"reason": ["worse"]}, "reason: expected str, got ['worse']"),
    ],
)
def test_a_body_that_does_not_fit_is_refused_in_clear_words(operation: str, body: Any, told: str) -> None:
    world = World().with_versions(2)
    before = dict(world.store.objects)
    with pytest.raises(MalformedBodyError) as caught:
        getattr(world.operations, operation)(MODEL, body, by="ann")
    assert told in caught.value.detail
    assert len(caught.value.detail) < 400
    assert (world.bus.events, world.store.objects) == ([], before), "nothing happens"


@pytest.mark.parametrize("version", [0, -1, 3, 10**4000])
def test_only_a_complete_version_can_be_promoted(version: int) -> None:
    world = World().with_versions(2)
    with pytest.raises(NotFoundError, match="there are: 1, 2"):
        world.operations.promote(MODEL, {"version": version}, by="ann")
    assert world.aliases.champion is None


def test_promotion_and_rollback_are_recorded_and_announced() -> None:
    world = World().with_versions(2)
    world.operations.promote(MODEL, {"version": 1}, by="ann")
    world.operations.promote(MODEL, {"version": 2, "reason": "canary went well"}, by="ann")
    answer = world.operations.roll_back(MODEL, {}, by="bob")
    assert answer["champion"] == 1
    assert [change.by for change in world.aliases.history] == ["ann", "ann", "bob"]
    assert [(event.type, event.data["champion"], event.data["action"]) for event in world.bus.events] == [
        ("model.alias_changed", 1, "promote"),
        ("model.alias_changed", 2, "promote"),
        ("model.alias_changed", 1, "rollback"),
    ]


def test_a_rollback_that_is_not_possible_announces_nothing() -> None:
    world = World().with_versions(1)
    with pytest.raises(ConflictingRequestError):
        world.operations.roll_back(MODEL, {}, by="ann")
    assert world.bus.events == []


def test_a_promotion_that_is_repeated_is_announced_again_and_recorded_once() -> None:
    """The first attempt may have died between the swap and the event."""
    world = World().with_versions(1)
    for _ in range(2):
        world.operations.promote_trained(MODEL, 1, against=None, reason="better", run_id="run-1")
    assert world.aliases.epoch == 1
    assert [event.data for event in world.bus.events] == [world.bus.events[0].data] * 2


def test_a_run_promotes_only_over_the_champion_it_was_judged_against() -> None:
    world = World().with_versions(2)
    promoted, _ = world.operations.promote_trained(MODEL, 1, against=None, reason="first", run_id="run-1")
    overtaken, aliases = world.operations.promote_trained(MODEL, 2, against=None, reason="first", run_id="run-2")
    assert (promoted, overtaken, aliases.champion) == (True, False, 1)


def test_a_run_whose_promotion_is_delivered_again_does_not_undo_a_rollback() -> None:
    world = World().with_versions(2)
    world.operations.promote_trained(MODEL, 1, against=None, reason="first", run_id="run-1")
    world.operations.promote_trained(MODEL, 2, against=1, reason="better", run_id="run-2")
    world.operations.roll_back(MODEL, {}, by="ann")
    world.operations.promote_trained(MODEL, 2, against=1, reason="better", run_id="run-2")
    assert world.aliases.champion == 1
    assert ModelRegistry(world.store).aliases(MODEL).epoch == 3


SHA256 = "1f" * 32


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ([], 'expected an object {"sha256": str, …}, got a JSON list'),
        ({}, "sha256: expected 64 hexadecimal digits in lower case, got nothing"),
        ({"sha256": "1f"}, "sha256: expected 64 hexadecimal digits in lower case, got '1f'"),
        ({"sha256": SHA256, "input": ["a"]}, "unknown key 'input'; did you mean 'inputs'?"),
        ({"sha256": SHA256, "answer": "label"}, "answer: expected 'probability' or 'logit', got 'label'"),
        ({"sha256": SHA256, "file": "../../etc/passwd"}, "file: expected the name of a file, without its folder"),
        ({"sha256": SHA256, "reference": {"file": "a.csv"}}, "reference.sha256: expected 64 hexadecimal digits"),
        ({"sha256": SHA256, "reference": {"sha256": SHA256, "row": 1}}, "reference: unknown key 'row'"),
        ({"sha256": SHA256, "reference": "a.csv"}, "reference: expected an object {\"sha256\": …}, got 'a.csv'"),
        ({"sha256": SHA256, "inputs": "a,b"}, "inputs: expected a list of at most 1000 names of columns and features"),
        ({"sha256": SHA256, "inputs": ["a"] * 1_001}, "inputs: expected a list of at most 1000 names"),
        ({"sha256": SHA256, "inputs": ["a", "b" * 256]}, "inputs.1: expected a list of at most 1000 names"),
        ({"sha256": SHA256, "classes": [0, 1]}, "classes.0: expected a list of at most 1000 names of classes, got 0"),
        ({"sha256": SHA256, "classes": ["a"] * 1_001}, "classes: expected a list of at most 1000 names of classes"),
        ({"sha256": SHA256, "as_of": "soon"}, "as_of: expected a timestamp"),
        ({"sha256": SHA256, "reason": 7}, "reason: expected str, got 7"),
    ],
)
def test_an_import_that_does_not_fit_is_refused_in_clear_words(world: World, body: Any, told: str) -> None:
    with pytest.raises(MalformedBodyError) as caught:
        world.operations.request_import(pump_failure(), body, by="ann")
    assert told in caught.value.detail
    assert world.bus.events == []


def test_what_each_field_of_an_import_takes_can_be_told() -> None:
    assert EXPECTED.keys() == ImportedModel.model_fields.keys() | Reference.model_fields.keys()


def test_an_import_is_a_run_of_its_own_moment_and_reason(world: World) -> None:
    body = {"sha256": SHA256, "file": "forest.onnx", "as_of": "2026-01-31", "reason": "from the research team"}
    answer = world.operations.request_import(pump_failure(), body, by="ann")
    request = TrainingRequest.model_validate(answer)
    assert (request.as_of, request.reason) == (datetime(2026, 1, 31, tzinfo=UTC), "from the research team")
    assert request.imported == ImportedModel(sha256=SHA256, file="forest.onnx")
    assert [event.type for event in world.bus.events] == ["training.requested"]


def test_a_task_whose_models_are_no_single_graph_of_columns_takes_no_import(world: World) -> None:
    with pytest.raises(ConflictingRequestError, match="is a model of forecasting; expected one of binary"):
        world.operations.request_import(example(Task.FORECASTING), {"sha256": SHA256}, by="ann")
