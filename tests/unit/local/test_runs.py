"""A run's trials as a table: which one was chosen, who was dropped after which rung, and who was lost."""

from typing import Any

import pytest

from everloop.contracts.registry import Gate, RunReport, TrialReport
from local import console
from local.commands.runs import _beginnings, _print_list, print_run, print_trials
from tests.samples import NOW


def trial(number: int, rung: int, value: float | None, error: str | None = None) -> TrialReport:
    return TrialReport(trial=number, algorithm="ridge", value=value, rung=rung, error=error)


def shown(report: RunReport, capsys: pytest.CaptureFixture[str]) -> list[str]:
    print_trials(report.model_dump(mode="json"))
    return [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]


def test_a_trial_tells_after_which_rung_it_was_dropped_with_what_value(capsys: pytest.CaptureFixture[str]) -> None:
    trials = (trial(0, 2, 0.8), trial(1, 0, 0.5), trial(2, 1, None, "Sandbox.Timedout"), trial(3, 2, 0.75))
    report = RunReport(
        model="pump",
        run_id="run-1",
        status="promoted",
        rungs=(10_000, 30_000, 90_000),
        trials=trials,
        chosen_trial=0,
        finished_at=NOW,
    )
    lines = shown(report, capsys)
    assert "judged in 3 rungs, on 10,000, 30,000, 90,000 training rows" in lines
    chosen, dropped, lost, last = lines[-4:]
    assert "chosen" in chosen
    assert "dropped after rung 1 of 3" in dropped
    assert "0.5" in dropped
    assert "dropped after rung 2 of 3" in lost
    assert "Sandbox.Timedout" in lost
    assert "dropped" not in last


def test_a_search_of_one_rung_or_of_an_older_report_speaks_of_none(capsys: pytest.CaptureFixture[str]) -> None:
    old = TrialReport(trial=0, algorithm="ridge", value=0.5)
    for rungs, tried in (((960,), trial(0, 0, 0.5)), ((), old)):
        report = RunReport(
            model="pump", run_id="run-1", status="refused", rungs=rungs, trials=(tried,), finished_at=NOW
        )
        assert not any("rung" in line for line in shown(report, capsys))


def test_a_gate_names_columns_and_levels_whatever_the_brackets(capsys: pytest.CaptureFixture[str]) -> None:
    detail = "rmse 1.5 in 320 rows with Tool wear [min] [bold]162 to 242[/]"
    report = RunReport(
        model="pump",
        run_id="run-1",
        status="refused",
        gates=(Gate(name="worst slice", passed=False, detail=detail),),
        choice="trial 1 did better",
        finished_at=NOW,
    )
    print_run(report.model_dump(mode="json"))
    lines = [line.strip() for line in capsys.readouterr().out.splitlines()]
    assert f"refused worst slice: {detail}" in lines
    assert "trial 1 did better" in lines


def test_a_version_that_is_not_champion_yet_says_why(capsys: pytest.CaptureFixture[str]) -> None:
    why = "began an experiment (canary) with version 4"
    for status, reason, told in (("challenging", why, [why]), ("registered", why, [why]), ("registered", "due", [])):
        fields = {"model": "pump", "run_id": "run-1", "status": status, "version": 4, "finished_at": NOW}
        report = RunReport.model_validate({**fields, "reason": reason, "asked_because": "due"})
        print_run(report.model_dump(mode="json"))
        assert [line.strip() for line in capsys.readouterr().out.splitlines()] == [
            f"run run-1: {status} version 4",
            *told,
        ]


RUN_ID = "-3e80-7c3e-9d2b-6f5a1b7c8d90"


def listed(number: int, **changes: Any) -> dict[str, Any]:
    run = {
        "run_id": f"0195510{number}{RUN_ID}",
        "finished_at": "2026-03-14T09:27:01.113000Z",
        "started_at": "2026-03-14T09:26:01.113000Z",
        "asked_because": "drifting: temperature, humidity, wind direction and seventeen other columns have moved",
        "dataset_version": "0a1b2c3d4e5f6071",
        "algorithm": "hist-gradient-boosting",
        "parameters": {"learning_rate": 0.1, "max_leaf_nodes": 31, "min_samples_leaf": 20, "l2_regularization": 0.0},
        "metric": "roc_auc",
        "metrics": {"roc_auc": 0.8123},
        "intervals": {"roc_auc": {"low": 0.79, "high": 0.83}},
        "champion": {"version": 2, "metrics": {"roc_auc": 0.81}},
        "gates_failed": ["champion"],
        "status": "refused",
        "version": None,
        "error": None,
        "reason": "",
    }
    return run | changes


def test_runs_are_compared_in_a_narrow_window(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(console.stdout, "width", 110)
    _print_list([listed(1), listed(2, algorithm="imported")])
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= 110
    assert len(lines) <= 1 + 2 * 5
    assert "learning_rate" not in "".join(lines)


def test_a_failed_run_tells_its_reason_in_short(capsys: pytest.CaptureFixture[str]) -> None:
    error = {"type": "TooFewRowsError", "message": ""}
    failed = {"status": "failed", "error": error, "reason": "12 rows, 50 are needed" + " or more" * 50}
    failed |= {"metric": None, "champion": None}
    _print_list([listed(1, **failed), listed(2, status="promoted", version=3, gates_failed=[])])
    _, first, second = capsys.readouterr().out.splitlines()
    assert "failed: 12 rows, 50 are needed" in first
    assert len(first) < 240
    assert "promoted version 3" in second


@pytest.mark.parametrize(
    "ids", [[], ["run-1"], [f"01955101{RUN_ID}", f"01955102{RUN_ID}"], ["0195510a-3e80-7c", "0195510b-3e80-7c"]]
)
def test_a_run_is_called_by_as_much_of_its_id_as_tells_it_apart(ids: list[str]) -> None:
    cut = _beginnings(ids)
    assert len(set(cut)) == len(ids)
    assert all(run_id.startswith(beginning) for run_id, beginning in zip(ids, cut, strict=True))
