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
    return finish_run(request["state"], request["status"], registry=world.registry, events=world.bus, clock=world.clock)


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
