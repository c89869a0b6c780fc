"""Every run ends with one report and an event, whatever happened."""

import json
from datetime import timedelta
from typing import Any

import pytest

from everloop.contracts.registry import RunReport
from everloop.errors import NotFoundError
from everloop.registry.runs import finish_run
from tests.samples import event
from tests.unit.registry.conftest import MODEL, World


def finish(world: World, sample: str) -> RunReport:
    request = event(f"training/{sample}.json")
    return finish_run(
        request["state"],
        request["status"],
        registry=world.registry,
        events=world.bus,
        clock=world.clock,
        started_at=request["started_at"],
    )


def test_a_promoted_run_tells_its_version_dataset_and_metrics(world: World) -> None:
    report = finish(world, "finish_run_promoted")
    assert (report.status, report.version, report.dataset_version) == ("promoted", 3, "0a1b2c3d4e5f6071")
    assert report.metrics["roc_auc"] == 0.81
    assert report.error is None
    assert world.registry.report(MODEL, report.run_id) == report
    assert [(told.type, told.data["status"]) for told in world.bus.events] == [("training.finished", "promoted")]


def test_a_refused_run_tells_which_gates_refused_it(world: World) -> None:
    report = finish(world, "finish_run_refused")
    assert report.reason == "champion: roc_auc -0.0100 against the champion (95 %: -0.0200 to -0.0010)"
    assert report.version is None


def test_a_run_tells_why_its_version_is_on_trial(world: World) -> None:
    state = {"model": MODEL, "run_id": "r", "reason": "new rows", "promotion": {"detail": "began an experiment"}}
    report = finish_run(state, "challenging", registry=world.registry, events=world.bus, clock=world.clock)
    assert (report.status, report.reason, report.asked_because) == ("challenging", "began an experiment", "new rows")


def test_a_run_tells_what_it_tried_and_which_trial_became_the_candidate(world: World) -> None:
    report = finish(world, "finish_run_promoted")
    lost, kept = report.trials
    assert (lost.algorithm, lost.error, lost.value) == ("hist-gradient-boosting", "Sandbox.Timedout", None)
    assert (kept.parameters, kept.value, kept.seconds) == ({"C": 1.0}, 0.79, 0.31)
    assert report.chosen == kept


def test_a_run_tells_who_asked_for_it_why_and_when_it_began(world: World) -> None:
    report = finish(world, "finish_run_refused")
    assert (report.asked_because, report.requested_by) == (
        "asked for by an operator",
        "arn:aws:iam::123456789012:user/ann",
    )
    assert (str(report.as_of), str(report.started_at)) == (
        "2026-03-14 09:26:53+00:00",
        "2026-03-14 09:27:01.113000+00:00",
    )


def test_a_run_tells_its_metric_with_its_interval_beside_the_champion_s(world: World) -> None:
    report = finish(world, "finish_run_refused")
    assert report.metric == "roc_auc"
    assert (report.intervals["roc_auc"].low, report.intervals["roc_auc"].high) == (0.68, 0.74)
    assert report.champion is not None
    assert report.champion.model_dump() == {"version": 2, "rows": 240, "metrics": {"roc_auc": 0.72}}
    assert finish(World(), "finish_run_promoted").champion is None


def test_what_a_later_version_adds_to_a_trial_does_not_spoil_the_report(world: World) -> None:
    state = {"model": MODEL, "run_id": "r", "trials": [{"trial": 0, "value": 0.5, "draw": 0, "added_later": 1}]}
    report = finish_run(state, "failed", registry=world.registry, events=world.bus, clock=world.clock)
    assert report.trials[0].value == 0.5
    assert report.started_at is None


def test_a_failed_run_tells_the_error_s_own_words(world: World) -> None:
    report = finish(world, "finish_run_failed")
    assert report.error == {
        "type": "TooFewRowsError",
        "message": "pump-failure: 12 accepted rows, training.minimum_rows is 200",
    }
    assert report.reason == report.error["message"]


@pytest.mark.parametrize("cause", ["plain text", "null", "[]", '{"other": 1}', "", "x" * 100_000])
def test_any_cause_step_functions_gives_makes_a_report(world: World, cause: str) -> None:
    state: dict[str, Any] = {"model": MODEL, "run_id": "r", "error": {"Error": "States.Timeout", "Cause": cause}}
    report = finish_run(state, "failed", registry=world.registry, events=world.bus, clock=world.clock)
    assert report.error == {"type": "States.Timeout", "message": cause[:2_000]}
    assert len(json.dumps(world.bus.events[0].data)) < 10_000


def test_a_repeated_delivery_keeps_the_first_report_and_announces_it_again(world: World) -> None:
    first = finish(world, "finish_run_promoted")
    world.clock.advance(timedelta(hours=1))
    assert finish(world, "finish_run_promoted") == first
    assert [told.data for told in world.bus.events] == [first.model_dump(mode="json")] * 2


def test_a_run_that_goes_on_has_no_report(world: World) -> None:
    with pytest.raises(NotFoundError, match="has not ended, or never began"):
        world.registry.report(MODEL, "run-9")
