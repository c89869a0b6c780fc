"""What operators ask for over HTTP: checked, recorded, announced."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from everloop.contracts.imports import EXPECTED, ImportedModel, Reference
from everloop.contracts.registry import TrainingRequest
from everloop.contracts.tasks import Task
from everloop.contracts.traffic import EXPECTED as EXPECTED_OF_TRAFFIC
from everloop.contracts.traffic import Guardrails, Traffic, TrafficRequest
from everloop.errors import ConflictingRequestError, MalformedBodyError, NotFoundError
from everloop.registry.operations import Introduction
from everloop.registry.traffic import plan_traffic
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


def introduce(world: World, version: int, *, against: int | None, mode: str = "automatic") -> Introduction:
    return world.operations.introduce(
        pump_failure(), version, mode=mode, against=against, reason="better", run_id=f"run-{version}"
    )


def test_a_promotion_that_is_repeated_is_announced_again_and_recorded_once() -> None:
    """The first attempt may have died between the swap and the event."""
    world = World().with_versions(1)
    for _ in range(2):
        introduce(world, 1, against=None)
    assert world.aliases.epoch == 1
    assert [event.data for event in world.bus.events] == [world.bus.events[0].data] * 2


def test_a_run_promotes_only_over_the_champion_it_was_judged_against() -> None:
    world = World().with_versions(2)
    assert introduce(world, 1, against=None).status == "promoted"
    overtaken = introduce(world, 2, against=None)
    assert (overtaken.status, overtaken.aliases.champion) == ("registered", 1)
    assert overtaken.detail.startswith("version 1 became champion while this run was under way")


def test_a_run_whose_promotion_is_delivered_again_does_not_undo_a_rollback() -> None:
    world = World().with_versions(2)
    introduce(world, 1, against=None)
    introduce(world, 2, against=1)
    world.operations.roll_back(MODEL, {}, by="ann")
    assert introduce(world, 2, against=1).status == "promoted", "it was"
    assert world.aliases.champion == 1
    assert ModelRegistry(world.store).aliases(MODEL).epoch == 3


@pytest.mark.parametrize("mode", ["canary", "shadow"])
def test_a_run_puts_its_version_on_trial_once_and_the_first_of_all_is_promoted(mode: str) -> None:
    world = World().with_versions(2)
    assert introduce(world, 1, against=None, mode=mode).status == "promoted"
    for _ in range(2):
        introduced = introduce(world, 2, against=1, mode=mode)
        told = f"began an experiment ({mode}) with version 2 since 2026-03-14 09:26 UTC"
        assert (introduced.status, introduced.detail) == ("challenging", told)
    assert (world.aliases.champion, world.aliases.epoch) == (1, 2)
    assert world.aliases.traffic
    assert (world.aliases.traffic.mode, world.aliases.traffic.challenger) == (mode, 2)
    assert world.aliases.history[-1].by == "run run-2"
    world.operations.stop(MODEL, world.aliases.traffic.salt, "worse")
    assert introduce(world, 2, against=1, mode=mode).status == "challenging", "it was, and it is not begun again"
    assert world.aliases.traffic is None


@pytest.mark.parametrize("mode", ["automatic", "canary", "shadow"])
def test_a_run_ends_no_experiment(mode: str) -> None:
    world = World().with_versions(3)
    world.operations.promote(MODEL, {"version": 1}, by="ann")
    world.operations.change_traffic(pump_failure(), {"mode": "ab", "challenger": 2}, by="ann")
    before = world.aliases
    introduced = introduce(world, 3, against=1, mode=mode)
    assert (introduced.status, introduced.aliases) == ("registered", before)
    assert introduced.detail == (
        "an experiment (ab) with version 2 since 2026-03-14 09:26 UTC was running, and there is one at a time; compare"
        " the two and promote by hand, or train again"
    )


DEFINITION = pump_failure()


def experimenting(**body: Any) -> World:
    world = World().with_versions(2)
    world.operations.promote(MODEL, {"version": 1}, by="ann")
    if body:
        world.operations.change_traffic(DEFINITION, {"challenger": 2, **body}, by="ann")
    return world


def test_an_experiment_is_recorded_and_announced_with_all_that_was_left_out() -> None:
    world = experimenting(mode="ab", reason="is it better?")
    assert world.aliases.traffic == Traffic(
        mode="ab",
        challenger=2,
        share=0.5,
        salt="run-1",
        started_at=NOW,
        ends_at=NOW + timedelta(days=14),
        step_since=NOW,
    )
    event = world.bus.events[-1]
    assert (event.type, event.subject, event.data["champion"]) == ("model.traffic_changed", MODEL, 1)
    assert (event.data["reason"], event.data["by"], event.data["action"]) == ("is it better?", "ann", "traffic")
    assert Traffic.model_validate(event.data["traffic"]) == world.aliases.traffic


def test_an_experiment_is_as_the_definition_says_unless_the_request_says_otherwise() -> None:
    guardrails = {"maximum_fallback_share": 0.1, "minimum_rows": 30}
    canary = {"steps": [0.1, 0.2], "step_for": "12 hours", "guardrails": guardrails}
    shadow = {"share": 0.3, "during": "2 days"}
    definition = pump_failure(promotion={"canary": canary, "shadow": shadow})

    def planned(**body: Any) -> Traffic:
        return plan_traffic(definition, TrafficRequest.model_validate({"challenger": 2, **body}), salt="s", at=NOW)

    first = planned(mode="canary")
    assert (first.share, first.steps, first.step_for) == (0.1, (0.2,), timedelta(hours=12))
    assert (first.guardrails, first.ends_at) == (Guardrails(**guardrails), NOW + timedelta(days=14))
    changed = planned(mode="canary", steps=[0.5], step_for="30 days", guardrails={"minimum_rows": 50}, decides=False)
    assert (changed.share, changed.steps, changed.ends_at) == (0.5, (), NOW + timedelta(days=60))
    assert changed.guardrails == Guardrails(maximum_fallback_share=0.1, minimum_rows=50)
    assert not changed.decides
    assert planned(mode="canary", **{"for": "1 day"}).ends_at == NOW + timedelta(days=1)
    beside = planned(mode="shadow")
    assert (beside.share, beside.ends_at) == (0.3, NOW + timedelta(days=2))
    whole = planned(mode="shadow", share=1, **{"for": "1 hour"})
    assert (whole.share, whole.ends_at) == (1, NOW + timedelta(hours=1))


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ([], 'expected an object {"mode": str, …}, got a JSON list'),
        ({}, "mode: expected 'ab', 'canary', 'shadow' or, to end the experiment, 'champion', got nothing"),
        ({"mode": "a/b"}, "mode: expected 'ab', 'canary', 'shadow' or, to end the experiment, 'champion', got 'a/b'"),
        ({"mode": "ab"}, "challenger: expected the number of a version, got nothing"),
        ({"mode": "ab", "challenger": "2"}, "challenger: expected the number of a version, got '2'"),
        ({"mode": "ab", "challenger": True}, "challenger: expected the number of a version, got True"),
        ({"mode": "ab", "challenger": 2, "share": 0}, "share: expected a number above 0 and at most 1, got 0"),
        ({"mode": "ab", "challenger": 2, "share": 1}, "share: expected below 1, or no row is left to compare"),
        ({"mode": "ab", "challenger": 2, "share": "0.5"}, "share: expected a number above 0 and at most 1, got '0.5'"),
        ({"mode": "ab", "challenger": 2, "shares": 0.5}, "unknown key 'shares'; did you mean 'share'?"),
        (
            {"mode": "ab", "challenger": 2, "during": "1 day"},
            "unknown key 'during'; valid keys: challenger, decides, for",
        ),
        ({"mode": "ab", "challenger": 2, "for": "soon"}, "for: expected a duration such as '90 days'"),
        ({"mode": "ab", "challenger": 2, "for": 7}, "for: expected a duration such as '90 days', '12 hours' or"),
        (
            {"mode": "ab", "challenger": 2, "steps": [0.5]},
            "steps: not of the mode 'ab', which takes share, for, guardrails",
        ),
        (
            {"mode": "canary", "challenger": 2, "share": 0.5},
            "share: not of the mode 'canary', which takes steps, step_for, guardrails, for",
        ),
        ({"mode": "canary", "challenger": 2, "steps": []}, "steps: expected a list of growing shares"),
        (
            {"mode": "canary", "challenger": 2, "steps": [0.5, 0.2]},
            "steps: expected growing shares, each above 0 and below 1, got [0.5, 0.2]",
        ),
        ({"mode": "canary", "challenger": 2, "steps": [0.5, 1]}, "steps: expected growing shares"),
        (
            {"mode": "canary", "challenger": 2, "for": "2 hours"},
            "for: expected 3 hours at least, which the 3 steps take, got 2 hours",
        ),
        (
            {"mode": "ab", "challenger": 2, "guardrails": {"minimum_rows": 3}},
            "guardrails.minimum_rows: expected an integer from 20, got 3",
        ),
        ({"mode": "ab", "challenger": 2, "guardrails": {"rows": 3}}, "guardrails: unknown key 'rows'"),
        ({"mode": "ab", "challenger": 2, "guardrails": 3}, "guardrails: expected an object of maximum_fallback_share"),
        ({"mode": "ab", "challenger": 2, "decides": "no"}, "decides: expected true or false, got 'no'"),
        ({"mode": "ab", "challenger": 2, "reason": 7}, "reason: expected text, got 7"),
        ({"mode": "champion", "challenger": 2}, "unknown key 'challenger'"),
    ],
)
def test_an_experiment_that_does_not_fit_is_refused_in_clear_words(body: Any, told: str) -> None:
    world = experimenting()
    with pytest.raises(MalformedBodyError) as caught:
        world.operations.change_traffic(DEFINITION, body, by="ann")
    assert told in caught.value.detail
    assert len(caught.value.detail) < 400
    assert world.aliases.epoch == 1


def test_what_each_field_of_an_experiment_takes_can_be_told() -> None:
    fields = {field.alias or name for name, field in TrafficRequest.model_fields.items()}
    assert EXPECTED_OF_TRAFFIC.keys() == fields | Guardrails.model_fields.keys()


def test_only_a_complete_version_can_challenge() -> None:
    with pytest.raises(NotFoundError, match="there are: 1, 2"):
        experimenting(mode="ab", challenger=3)


def test_a_shadow_of_what_the_log_does_not_hold_is_refused() -> None:
    columns = DEFINITION.model_dump(mode="json", exclude_defaults=True)["columns"]
    personal = pump_failure(columns={**columns, "kind": {"type": "category", "pii": "hash"}})
    body = {"mode": "shadow", "challenger": 2}
    with pytest.raises(ConflictingRequestError, match=r"the log has no kind: personal data .* expected the mode 'ab'"):
        experimenting().operations.change_traffic(personal, body, by="ann")


def test_an_experiment_can_be_stopped_twice_and_is_recorded_once() -> None:
    world = experimenting(mode="canary")
    for _ in range(2):
        answer = world.operations.change_traffic(DEFINITION, {"mode": "champion", "reason": "enough"}, by="bob")
        assert (answer["champion"], answer["traffic"]) == (1, None)
    assert [(change.action, change.by) for change in world.aliases.history] == [
        ("promote", "ann"),
        ("traffic", "ann"),
        ("traffic", "bob"),
    ]
    assert [event.type for event in world.bus.events[-2:]] == ["model.traffic_changed"] * 2


def test_the_judge_steps_and_promotes_for_the_experiment_it_judged() -> None:
    world = experimenting(mode="canary")
    assert world.aliases.traffic
    salt = world.aliases.traffic.salt
    for decide in (world.operations.step, world.operations.stop, world.operations.promote_challenger):
        assert decide(MODEL, "an older one", "late") == world.aliases
    world.clock.advance(timedelta(hours=1))
    for _ in range(2):
        stepped = world.operations.step(MODEL, salt, "went well").traffic
        assert stepped
        assert stepped.share == 0.25
    assert world.operations.promote_challenger(MODEL, salt, "went well to the end").champion == 2
    assert (world.aliases.traffic, world.aliases.history[-1].by) == (None, f"experiment {salt}")
    assert world.bus.events[-1].type == "model.alias_changed"
    assert world.operations.stop(MODEL, salt, "late").champion == 2


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
