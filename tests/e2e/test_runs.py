"""Training runs that must not change what answers: refused, failed, delivered twice, or left to a person."""

import json
from pathlib import Path
from typing import Any

import pytest

from local.loop import Loop, wait_for
from tests.e2e.pumps import end_of_week, readings, write_csv
from tests.e2e.steps import (
    ROWS,
    TIMEOUT_S,
    champion,
    ended_execution,
    executions,
    train,
    train_first_champion,
    upload,
    versions,
    wait_until_answers,
)

pytestmark = pytest.mark.server


@pytest.fixture(scope="module")
def steady(loop: Loop, files: Path) -> str:
    train_first_champion(loop, "pump-steady", files)
    return "pump-steady"


def test_a_candidate_that_does_not_beat_the_champion_is_refused(loop: Loop, steady: str) -> None:
    run = train(loop, steady)
    assert (run["status"], run["version"]) == ("refused", None)
    assert [gate["name"] for gate in run["gates"] if not gate["passed"]] == ["champion"]
    assert "against the champion" in run["reason"]
    assert (champion(loop, steady), versions(loop, steady)) == (1, [1])
    wait_until_answers(loop, steady, 1)


def test_a_run_without_data_fails_with_a_named_error_and_touches_nothing(loop: Loop, steady: str) -> None:
    before = loop.call("GET", f"/models/{steady}/history")
    run = train(loop, steady, week=-10)
    assert (run["status"], run["version"], run["error"]["type"]) == ("failed", None, "TooFewRowsError")
    assert "0 accepted rows" in run["reason"]
    assert "training.minimum_rows is 200" in run["reason"]
    execution = ended_execution(loop, run["run_id"])
    assert (execution["status"], execution["error"]) == ("FAILED", "TooFewRowsError")
    assert loop.call("GET", f"/models/{steady}/history") == before
    assert versions(loop, steady) == [1]
    wait_until_answers(loop, steady, 1)


def test_a_request_delivered_twice_is_one_version(loop: Loop, files: Path) -> None:
    model, run_id = "pump-doubled", "asked-for-twice"
    upload(loop, model, write_csv(files / f"{model}.csv", readings(ROWS, seed=1)))
    request = {"model": model, "run_id": run_id, "as_of": end_of_week(0), "reason": "twice", "requested_by": "a test"}
    event = {
        "Source": "everloop",
        "DetailType": "training.requested",
        "Detail": json.dumps({"data": request}),
        "EventBusName": loop.target.output("EventBusName"),
    }
    assert loop.target.client("events").put_events(Entries=[event, event])["FailedEntryCount"] == 0

    def both_ended() -> list[dict[str, Any]] | None:
        found = executions(loop, run_id)
        return found if len(found) == 2 and all(e["status"] != "RUNNING" for e in found) else None

    ended = wait_for(both_ended, "the end of both executions", TIMEOUT_S)
    assert [execution["status"] for execution in ended] == ["SUCCEEDED", "SUCCEEDED"]
    report = loop.wait_for_run(model, run_id, TIMEOUT_S)
    assert (report["status"], report["version"]) == ("promoted", 1)
    assert versions(loop, model) == [1]
    assert [change["champion"] for change in loop.call("GET", f"/models/{model}/history")["history"]] == [1]


def test_with_manual_promotion_a_version_waits_for_a_person(loop: Loop, files: Path) -> None:
    model = "pump-chosen"
    upload(loop, model, write_csv(files / f"{model}.csv", readings(ROWS, seed=1)))
    run = train(loop, model)
    assert (run["status"], run["version"]) == ("registered", 1)
    assert champion(loop, model) is None
    answer = wait_until_answers(loop, model, None)
    assert {(p["answered_by"], p["score"]) for p in answer["predictions"]} == {("fallback:default", 0.1)}
    loop.call("POST", f"/models/{model}/promote", {"version": 1})
    wait_until_answers(loop, model, 1)
