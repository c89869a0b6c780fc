"""What `everloop why` and `everloop replay` print, and how far back a replay may be asked to go."""

from typing import Any

import pytest
import typer

from local import console
from local.commands import replay, why

ID = "019cebc2-3b35-7cc3-98c4-dc0c0c07398f"
TOLD: dict[str, Any] = {
    "prediction_id": ID,
    "model": "pump",
    "predicted_at": "2026-03-14T09:26:53+00:00",
    "event_time": "2026-03-14T08:00:00+00:00",
    "answer": {
        "score": 0.7,
        "label": "True",
        "version": 1,
        "answered_by": "model",
        "variant": "champion",
        "latency_ms": 0.03,
    },
    "request": {"Tool wear [min]": 7, "kind": None},
    "personal": {"driver": "drop"},
    "history": {"starts_7d": 3.0},
    "features": {"hour": 8.0},
    "rule": None,
    "shadow": {"version": 2, "score": None, "label": None, "latency_ms": None, "error": "version 2 is gone"},
    "outcomes": [{"actual": "1.0", "observed_at": "2026-03-15T00:00:00+00:00"}],
    "version": {"version": 1, "run_id": "run-1", "algorithm": "ridge", "created_at": "2026-03-13T00:00:00+00:00"},
    "dataset": {
        "version": "1f" * 8,
        "as_of": None,
        "batches": [{"batch_id": "b-1", "rows": 7, "file": "uploads/pump/a.csv", "received_at": "2026-03-01"}],
    },
    "reexecution": {"reproduced": True, "score": 0.7, "label": "True"},
    "missing": ["batch b-2: is not judged yet"],
}
REPORT: dict[str, Any] = {
    "model": "pump",
    "version": 2,
    "since": "2026-03-07T10:00:00Z",
    "until": "2026-03-14T10:00:00Z",
    "logged_versions": {"1": 1_200},
    "rows": 1_200,
    "skipped": {"a rule answered them": 3},
    "flips": 120,
    "agreement": 0.9,
    "directions": {"True → False": 120},
    "differences": {
        "mean": -0.01,
        "quantiles": {"50 %": 0.0},
        "edges": [-0.5, 0.0, 0.5],
        "counts": [300, 900],
    },
    "segments": [
        {"column": "kind", "value": None, "rows": 100, "flips": 50, "mean_distance": 0.2},
        {"column": "kind", "value": "axial", "rows": 1_100, "flips": 70, "mean_distance": 0.1},
    ],
    "latency_ms": 0.05,
    "logged_latency_ms": None,
    "outcomes": 600,
    "metric": {"name": "roc_auc", "logged": 0.8, "version": 0.85, "difference": 0.05, "low": 0.01, "high": 0.09},
    "loss": None,
    "cost_bound": {"flips": 60, "best": -60.0, "worst": 240.0},
}
NOTHING = {"rows": 0, "flips": 0, "agreement": None, "directions": {}, "differences": None, "segments": []}


@pytest.fixture
def lines(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr(console.stdout, "_width", 200)
    return lambda: [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]


def test_a_prediction_is_told_from_its_answer_to_its_files(lines: Any) -> None:
    why.print_explanation(TOLD)
    shown = lines()
    for line in (
        "pump: predicted at 2026-03-14T09:26:53+00:00 for 2026-03-14T08:00:00+00:00",
        "answered by model (champion): score 0.7, label True",
        "Tool wear [min] 7 request",
        "starts_7d 3.0000 history",
        "driver not in the log personal, drop",
        "shadow version 2: version 2 is gone",
        "outcome: 1.0, observed at 2026-03-15T00:00:00+00:00",
        "b-1 7 uploads/pump/a.csv 2026-03-01",
        "missing: batch b-2: is not judged yet",
        "made again: the same, bit for bit",
    ):
        assert line in shown, line


def test_a_rule_that_is_no_longer_declared_is_told(lines: Any) -> None:
    gone = {"name": "cold", "when": None, "answer": None}
    again = {"reproduced": False, "detail": "now no rule answers"}
    why.print_explanation(TOLD | {"rule": gone, "version": None, "dataset": None, "reexecution": again, "outcomes": []})
    shown = lines()
    assert "rule cold: no longer declared" in shown
    assert "outcome: none is known yet" in shown
    assert "made again: DIFFERENT (now no rule answers)" in shown


def test_a_replay_tells_flips_worth_and_segments(lines: Any) -> None:
    replay.print_replay(REPORT)
    shown = lines()
    for line in (
        "pump: 1,200 logged answers (1,200 by version 1) through version 2, 2026-03-07 10:00 to 2026-03-14 10:00 UTC",
        "flips: 120; the same answer: 90.00 %",
        "True → False: 120",
        "not replayed: 3 rows (a rule answered them)",
        "roc_auc: 0.8000 logged, 0.8500 by version 2, difference +0.0500 (95 %: +0.0100 to +0.0900)",
        "60 flips without an outcome change the cost by -60 at best, +240 at worst",
        f"+0.0000 to +0.5000 900 {'█' * 40}",
        "kind = (none) 100 50 50.00 0.2000",
        "one row alone takes version 2 0.0500 ms",
    ):
        assert line in shown, line


@pytest.mark.parametrize(
    ("skipped", "told"),
    [({}, "no prediction was logged"), ({"version 2 answered them itself": 5}, "nothing to compare with")],
)
def test_a_replay_of_nothing_says_so(skipped: dict[str, int], told: str, lines: Any) -> None:
    replay.print_replay(REPORT | NOTHING | {"skipped": skipped})
    first, *rest = lines()
    assert told in first
    assert rest == [f"not replayed: {rows} rows ({reason})" for reason, rows in skipped.items()]


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("7d", "7 days"),
        ("12h", "12 hours"),
        ("7 days", "7 days"),
        ("1 day", "1 day"),
        ("30m", "30 minutes"),
        (" 2w", "2 weeks"),
    ],
)
def test_how_far_back_may_be_written_short(text: str, meant: str) -> None:
    assert replay.duration(text) == meant


@pytest.mark.parametrize("text", ["", "7", "0d", "-1d", "seven days", "7 y", "1.5h"])
def test_what_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(typer.BadParameter, match="such as 7d, 12h or '7 days'"):
        replay.duration(text)
