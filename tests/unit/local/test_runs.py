"""A run's trials as a table: which one was chosen, who was dropped after which rung, and who was lost."""

import pytest

from everloop.contracts.registry import RunReport, TrialReport
from local.commands.runs import print_trials
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
