"""A model with [history]: what happened to a pump is kept where predictions look, soon after it was heard of."""

import json
from pathlib import Path
from typing import Any

import pytest

from everloop.contracts.batches import BatchStatus
from local.loop import Loop, wait_for
from tests.e2e.pumps import Reading, end_of_week, readings, request_rows, write_csv
from tests.e2e.steps import ROWS, TIMEOUT_S, kept_states, lake_rows, train, upload, wait_until_answers, wait_until_kept

pytestmark = pytest.mark.server

MODEL = "pump-remembered"


@pytest.fixture(scope="module")
def delivered(loop: Loop, tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """The states of all entities after a first file."""
    file = tmp_path_factory.mktemp("files") / "week 1.csv"
    assert upload(loop, MODEL, write_csv(file, readings(340, seed=1))).status is BatchStatus.ACCEPTED
    return wait_until_kept(loop, MODEL)


def states(loop: Loop) -> dict[str, bytes]:
    return kept_states(loop, MODEL)


def wait_until_changed(loop: Loop, before: dict[str, bytes], count: int) -> set[str]:
    """The keys of the states that differ from those before, as soon as there are so many."""

    def look() -> set[str] | None:
        now = states(loop)
        keys = {key for key in now | before if now.get(key) != before.get(key)}
        return keys if len(keys) >= count else None

    return wait_for(look, f"{count} new histories", TIMEOUT_S)


def prefix_of(key: str) -> str:
    """What the keys of one `by` begin with."""
    return key.rsplit("/", 1)[0]


def tell(loop: Loop, *rows: Reading) -> dict[str, Any]:
    told: dict[str, Any] = loop.call("POST", f"/models/{MODEL}/events", {"rows": rows})
    return told


def test_each_pump_and_the_plant_have_an_item_soon_after_a_file(loop: Loop, delivered: dict[str, bytes]) -> None:
    prefixes = {prefix_of(key) for key in delivered}
    assert len(prefixes) == 2, "one for each of the two `by`"
    assert all(delivered.values())


def test_an_event_goes_the_way_of_an_upload_and_changes_the_history_of_its_pump_alone(
    loop: Loop, delivered: dict[str, bytes], tmp_path: Path
) -> None:
    [row] = readings(1, seed=2, week=1)
    told = tell(loop, row)
    report = loop.wait_for_report(MODEL, told["batch_id"], TIMEOUT_S)
    assert (report.status, report.rows.accepted, report.source.key) == (BatchStatus.ACCEPTED, 1, told["key"])
    found = lake_rows(loop, f"batches/{MODEL}/{told['batch_id']}", "reading, pump, failed", tmp_path / "rows")
    assert found == [(row["reading"], row["pump"], row["failed"])]
    keys = wait_until_changed(loop, delivered, 2)
    assert sorted(prefix_of(key) for key in keys) == sorted({prefix_of(key) for key in delivered})


def test_an_event_that_does_not_fit_is_quarantined_like_any_row(loop: Loop, delivered: dict[str, bytes]) -> None:
    before = states(loop)
    fitting, odd = readings(2, seed=3, week=1)
    told = tell(loop, fitting, {**odd, "starts": -1})
    report = loop.wait_for_report(MODEL, told["batch_id"], TIMEOUT_S)
    assert (report.rows.delivered, report.rows.accepted, report.rows.quarantined) == (2, 1, 1)
    assert [(problem.column, problem.reason) for problem in report.problems] == [("starts", "below_minimum")]
    wait_until_changed(loop, before, 2)  # or the next test would take this change for its own


def test_answers_are_given_with_the_history_that_training_rows_have(
    loop: Loop, delivered: dict[str, bytes], tmp_path: Path
) -> None:
    before = states(loop)
    assert upload(loop, MODEL, write_csv(tmp_path / "rest of week 1.csv", readings(ROWS, seed=4))).rows.accepted == ROWS
    wait_until_changed(loop, before, len(before))
    run = train(loop, MODEL)
    assert run["version"] == 1, json.dumps(run)
    if run["status"] != "promoted":
        loop.call("POST", f"/models/{MODEL}/promote", {"version": 1, "reason": "a test needs it"})
    wait_until_answers(loop, MODEL, 1)
    before = states(loop)
    week = readings(150, seed=5, week=1)
    assert upload(loop, MODEL, write_csv(tmp_path / "week 2.csv", week)).rows.accepted == len(week)
    wait_until_changed(loop, before, len(before))
    predictions = loop.predict(MODEL, request_rows(week))["predictions"]
    assert {prediction["answered_by"] for prediction in predictions} == {"model"}
    loop.wait_until_logged(TIMEOUT_S)
    skew = loop.check(MODEL, end_of_week(1))["history_skew"]
    logged = "input_pump, input_measured_at, input_starts_1d, input_failures, version, answered_by"
    served = sorted(lake_rows(loop, f"predictions/{MODEL}", logged, tmp_path / "served"))
    assert skew == {"rows": len(week), "different": 0, "columns": {}}, served

    late = readings(150, seed=6, week=1)
    assert upload(loop, MODEL, write_csv(tmp_path / "late.csv", late)).rows.accepted == len(late)
    found = loop.check(MODEL, end_of_week(1).replace("00:00:00", "00:01:00"))["history_skew"]
    assert found["rows"] == len(week) - 1, "the first row has left the window"
    assert found["different"] > len(week) / 2, "the answers did not know of the readings that came late"
