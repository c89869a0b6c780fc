"""One model's life: delivered, trained, asked, watched, retrained, rolled back and forward again."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from everloop.contracts.batches import BatchReport
from everloop.metrics import roc_auc
from local.loop import Loop
from tests.e2e.pumps import end_of_week, readings, request_rows, write_csv
from tests.e2e.steps import (
    ROWS,
    TIMEOUT_S,
    ask_and_tell,
    champion,
    ended_execution,
    executions,
    lake_keys,
    lake_rows,
    train,
    upload,
    versions,
    wait_until_answers,
)

pytestmark = pytest.mark.server

MODEL = "pump-lived"
READINGS = readings(ROWS, seed=1)
WATCHED_ROWS = 900


@pytest.fixture(scope="module")
def delivered(loop: Loop, files: Path) -> BatchReport:
    first, second = READINGS[:2]
    strange = [{**first, "reading": "a", "kind": "hand"}, {**first, "reading": "b", "starts": "many"}, second]
    return upload(loop, MODEL, write_csv(files / "week 1 – ü.csv", [*READINGS, *strange]))


@pytest.fixture(scope="module")
def trained(loop: Loop, delivered: BatchReport) -> dict[str, Any]:
    return train(loop, MODEL, reason="the first model")


@dataclass(frozen=True)
class Watched:
    actual: list[bool]
    predictions: list[dict[str, Any]]


@pytest.fixture(scope="module")
def watched(loop: Loop, trained: dict[str, Any], files: Path) -> Watched:
    """A week in which the pumps are worn, so that what the champion learned is wrong."""
    wait_until_answers(loop, MODEL, 1)
    rows = readings(WATCHED_ROWS, seed=2, week=1, worn=True)
    predictions = ask_and_tell(loop, MODEL, rows)
    loop.wait_until_logged(TIMEOUT_S)
    upload(loop, MODEL, write_csv(files / "week 2.csv", readings(ROWS, seed=3, week=1, worn=True)))
    return Watched([row["failed"] for row in rows], predictions)


@pytest.fixture(scope="module")
def checked(loop: Loop, watched: Watched) -> dict[str, Any]:
    return loop.check(MODEL, end_of_week(1))


@pytest.fixture(scope="module")
def retrained(loop: Loop, checked: dict[str, Any]) -> dict[str, Any]:
    return loop.wait_for_run(MODEL, checked["retraining"], TIMEOUT_S)


def test_a_delivery_is_judged_row_by_row_and_no_row_is_lost(loop: Loop, delivered: BatchReport) -> None:
    assert delivered.status == "accepted"
    assert delivered.rows.model_dump() == {
        "delivered": ROWS + 3,
        "accepted": ROWS,
        "quarantined": 2,
        "duplicates": 1,
    }
    assert {(problem.column, problem.reason) for problem in delivered.problems} == {
        ("kind", "not_allowed"),
        ("starts", "wrong_type"),
    }
    assert lake_keys(loop, f"batches/{MODEL}/{delivered.batch_id}") == [f"batches/{MODEL}/{delivered.batch_id}.parquet"]
    assert lake_keys(loop, f"quarantine/{MODEL}/{delivered.batch_id}")
    assert lake_keys(loop, f"profiles/{MODEL}/{delivered.batch_id}")


def test_the_first_candidate_becomes_champion_with_all_its_papers(loop: Loop, trained: dict[str, Any]) -> None:
    assert (trained["status"], trained["version"], trained["error"]) == ("promoted", 1, None)
    assert all(gate["passed"] for gate in trained["gates"])
    assert trained["metrics"]["roc_auc"] > 0.7
    version = loop.call("GET", f"/models/{MODEL}/versions/1")
    assert version["run_id"] == trained["run_id"]
    assert version["lineage"]["dataset_version"] == trained["dataset_version"]
    assert trained["dataset_version"] in [dataset["version"] for dataset in loop.datasets(MODEL)]
    assert "pump-lived" in loop.card(MODEL, 1)
    assert ended_execution(loop, trained["run_id"])["status"] == "SUCCEEDED"


def test_the_champion_answers_over_http(loop: Loop, trained: dict[str, Any]) -> None:
    wait_until_answers(loop, MODEL, 1)
    rows = readings(500, seed=4)
    predictions = loop.predict(MODEL, request_rows(rows), version=1)["predictions"]
    assert {(p["answered_by"], p["variant"]) for p in predictions} == {("model", "pinned")}
    score = np.array([p["score"] for p in predictions])
    assert roc_auc(np.array([float(row["failed"]) for row in rows]), score) > 0.7
    assert [p["label"] for p in predictions] == (score >= 0.5).tolist()
    assert len({p["prediction_id"] for p in predictions}) == 500


def test_a_quarantined_row_says_why_it_is_there(loop: Loop, delivered: BatchReport, tmp_path: Path) -> None:
    prefix = f"quarantine/{MODEL}/{delivered.batch_id}"
    found = lake_rows(loop, prefix, "reading, kind, starts, _reasons", tmp_path / "quarantine")
    assert {row[:3] for row in found} == {("a", "hand", str(READINGS[0]["starts"])), ("b", READINGS[0]["kind"], "many")}
    assert all(("not_allowed" in str(why)) == (reading == "a") for reading, _, _, why in found)


def test_each_answer_and_each_outcome_lies_in_the_lake(loop: Loop, watched: Watched, tmp_path: Path) -> None:
    columns = "prediction_id, score, version, variant, answered_by"
    logged = lake_rows(loop, f"predictions/{MODEL}/", columns, tmp_path / "predictions")
    answered = {p["prediction_id"]: (p["score"], 1, "champion", "model") for p in watched.predictions}
    assert {row[0]: row[1:] for row in logged if row[0] in answered} == answered
    outcomes = lake_rows(loop, f"outcomes/{MODEL}/", "prediction_id, cast(actual as double)", tmp_path / "outcomes")
    assert dict(outcomes) == dict(zip(answered, watched.actual, strict=True))
    days = {key.split("dt=")[1][:10] for key in lake_keys(loop, f"outcomes/{MODEL}/")}
    assert days == {f"2026-03-{day:02}" for day in range(8, 15)}


def test_the_schedule_s_check_finds_the_decay_and_asks_for_a_retraining(checked: dict[str, Any]) -> None:
    assert (checked["verdict"], checked["version"]) == ("degraded", 1)
    assert (checked["rows"], checked["outcomes"]) == (WATCHED_ROWS, WATCHED_ROWS)
    assert checked["performance"]["high"] < checked["performance"]["reference_low"]
    assert checked["retraining"] is not None


def test_the_requested_retraining_starts_the_state_machine_and_ends_with_a_report(
    loop: Loop, checked: dict[str, Any], retrained: dict[str, Any]
) -> None:
    assert retrained["run_id"] == checked["retraining"]
    assert (retrained["status"], retrained["version"]) == ("promoted", 2)
    [beaten] = [gate for gate in retrained["gates"] if gate["name"] == "champion"]
    assert beaten["passed"]
    assert ended_execution(loop, retrained["run_id"])["status"] == "SUCCEEDED"
    wait_until_answers(loop, MODEL, 2)


def test_a_check_that_is_due_twice_asks_once(loop: Loop, checked: dict[str, Any], retrained: dict[str, Any]) -> None:
    assert loop.check(MODEL, end_of_week(1)) == checked
    assert loop.call("GET", f"/models/{MODEL}/monitoring")["checks"] == [checked]
    assert len(executions(loop, retrained["run_id"])) == 1


def test_rollback_and_promotion_show_in_the_answers(loop: Loop, retrained: dict[str, Any]) -> None:
    assert loop.call("POST", f"/models/{MODEL}/rollback", {"reason": "a test"})["champion"] == 1
    wait_until_answers(loop, MODEL, 1)
    assert loop.call("POST", f"/models/{MODEL}/promote", {"version": 2, "reason": "a test"})["champion"] == 2
    wait_until_answers(loop, MODEL, 2)
    assert (champion(loop, MODEL), versions(loop, MODEL)) == (2, [1, 2])
    history = loop.call("GET", f"/models/{MODEL}/history")["history"]
    assert [(change["action"], change["champion"]) for change in history] == [
        ("promote", 1),
        ("promote", 2),
        ("rollback", 1),
        ("promote", 2),
    ]
    assert [change["epoch"] for change in history] == [1, 2, 3, 4]
