"""The demo's story, lived with a loop that keeps a diary instead of a server: who is asked what, and when."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from everloop.contracts.batches import BatchStatus
from local.demo.story import MODEL, Month, Report, Story
from local.errors import ApiError
from local.loop import Loop

MARCH = Month(
    month="2013-03",
    rows=10,
    auc_frozen=0.7,
    auc_loop=0.7,
    drifted_columns=[],
    verdict="healthy",
    champion_version=1,
    retraining=None,
    auc_replaced=None,
)


class DiaryLoop:
    """Each version scores flights by another rule; `ends` says how the retraining that a month asks for ends."""

    def __init__(self, ends: dict[str, str] | None = None, *, answered_by: str = "model") -> None:
        self.ends = ends or {}
        self.answered_by = answered_by
        self.line = [1]
        self.versions = 1
        self.diary: list[tuple[str, Any]] = []
        self.told: dict[str, dict[str, Any]] = {}
        self.largest_request = 0

    def upload(self, model: str, path: Path) -> str:
        self.diary.append(("upload", path.stem.removeprefix("flights-")))
        return path.stem

    def wait_for_report(self, model: str, batch_id: str) -> Any:
        return SimpleNamespace(status=BatchStatus.ACCEPTED, rows=SimpleNamespace(accepted=1, quarantined=0))

    def train(self, model: str, *, reason: str, as_of: str) -> str:
        self.diary.append(("train", as_of))
        return "first"

    def wait_for_run(self, model: str, run_id: str) -> dict[str, Any]:
        status = "promoted" if run_id == "first" else self.ends[run_id]
        if status == "promoted" and run_id != "first":
            self.versions += 1
            self.line.append(self.versions)
        return {
            "status": status,
            "version": self.versions,
            "reason": "champion: too close",
            "metrics": {"roc_auc": 0.7},
        }

    def predict(self, model: str, rows: list[dict[str, Any]], version: int | None = None) -> dict[str, Any]:
        asked = version or self.line[-1]
        months = {row["scheduled_departure"][:7] for row in rows}
        self.diary.append(("predict", (*sorted(months), version)))
        self.largest_request = max(self.largest_request, len(rows))
        return {
            "version": asked,
            "predictions": [
                {
                    "prediction_id": f"{row['scheduled_departure']}/{len(self.diary)}/{number}",
                    "score": row["departures_that_hour"] * (1 if asked == 1 else asked * 1e-3)
                    + row["distance"] * asked,
                    "answered_by": self.answered_by,
                }
                for number, row in enumerate(rows)
            ],
        }

    def record(self, model: str, outcomes: list[dict[str, Any]]) -> None:
        self.diary.append(("record", len(outcomes)))
        self.told |= {outcome["prediction_id"]: outcome for outcome in outcomes}

    def wait_until_logged(self) -> None:
        self.diary.append(("logged", None))

    def check(self, model: str, scheduled_time: str) -> dict[str, Any]:
        self.diary.append(("check", scheduled_time))
        asks = scheduled_time in self.ends
        return {
            "verdict": "drifting" if asks else "healthy",
            "columns": [{"column": "temp", "drifted": asks}, {"column": "dewp", "drifted": False}],
            "retraining": scheduled_time if asks else None,
            "held_back": None,
        }

    def call(self, method: str, path: str, body: dict[str, Any]) -> dict[str, Any]:
        self.diary.append((path.removeprefix(f"/models/{MODEL}/"), body.get("version")))
        if path.endswith("/rollback"):
            self.line.pop()
        else:
            self.line.append(body["version"])
        return {"champion": self.line[-1]}


def story(loop: DiaryLoop) -> Story:
    return Story(cast(Loop, loop), lambda _: None)


def first_of(month: int) -> str:
    return datetime(2013, month, 1, tzinfo=UTC).isoformat()


@pytest.fixture(scope="module")
def lived() -> tuple[DiaryLoop, Report]:
    """In May a candidate is promoted, in June another one, in July one is refused."""
    loop = DiaryLoop({first_of(6): "promoted", first_of(7): "promoted", first_of(8): "refused"})
    return loop, story(loop).live()


def test_the_first_version_learns_from_january_and_february(lived: tuple[DiaryLoop, Report]) -> None:
    assert lived[0].diary[:3] == [("upload", "2013-01"), ("upload", "2013-02"), ("train", first_of(3))]


def test_a_month_is_predicted_before_anything_of_it_is_told(lived: tuple[DiaryLoop, Report]) -> None:
    diary = [(what, about[0] if what == "predict" else about) for what, about in lived[0].diary]
    for month in range(3, 9):
        name = f"2013-{month:02}"
        live = diary[: diary.index(("check", first_of(month + 1))) + 1]
        asked = [place for place, entry in enumerate(live) if entry == ("predict", name)]
        told = [place for place, (what, _) in enumerate(live) if what == "record" and place > asked[0]]
        assert asked[-1] < told[0]
        assert told[-1] < live.index(("upload", name)) < len(live) - 1, "delivered after it happened, before the check"


def test_each_flight_is_asked_about_and_told_once(lived: tuple[DiaryLoop, Report]) -> None:
    loop, report = lived
    assert len(loop.told) == report.outcomes == sum(month.rows for month in report.months)
    assert loop.largest_request == 1_000


def test_an_outcome_is_told_as_of_twelve_hours_after_departure(lived: tuple[DiaryLoop, Report]) -> None:
    for outcome in list(lived[0].told.values())[:100]:
        departure = datetime.fromisoformat(outcome["prediction_id"].split("/")[0])
        assert datetime.fromisoformat(outcome["observed_at"]) - departure == timedelta(hours=12)
        assert outcome["actual"] in (0, 1)


def test_the_report_says_who_answered_and_what_came_of_it(lived: tuple[DiaryLoop, Report]) -> None:
    months = lived[1].months
    assert [month.month for month in months] == [f"2013-{number:02}" for number in range(3, 9)]
    assert [month.champion_version for month in months] == [1, 1, 1, 2, 3, 3]
    assert [month.retraining for month in months] == [
        None,
        None,
        "version 2 promoted",
        "version 3 promoted",
        "candidate refused: champion: too close",
        None,
    ]
    assert [month.drifted_columns for month in months] == [[], [], ["temp"], ["temp"], ["temp"], []]


def test_frozen_is_the_first_version_and_replaced_the_one_before(lived: tuple[DiaryLoop, Report]) -> None:
    march, april, may, june, july, august = lived[1].months
    assert all(month.auc_frozen == month.auc_loop for month in (march, april, may))
    assert [month.auc_replaced is None for month in lived[1].months] == [True, True, True, False, False, True]
    assert june.auc_replaced == june.auc_frozen
    assert july.auc_replaced != july.auc_frozen
    asked = [about[1] for what, about in lived[0].diary if what == "predict" and about[0] == "2013-07"]
    assert set(asked) == {None, 1, 2}
    assert august.auc_frozen != august.auc_loop


def test_at_the_end_it_goes_back_and_forward_again(lived: tuple[DiaryLoop, Report]) -> None:
    loop, report = lived
    changes = [entry for entry in loop.diary if entry[0] in ("rollback", "promote")]
    assert changes == [("rollback", None), ("promote", 3)]
    assert report.rollback_effective_s is not None
    assert report.promote_effective_s is not None
    json.dumps(report.to_json(), allow_nan=False)


def test_without_a_promotion_there_is_nothing_to_go_back_to() -> None:
    loop = DiaryLoop()
    report = story(loop)
    report._roll_back_and_promote(1)
    assert loop.diary == []
    assert json.loads(json.dumps(report.report.to_json(), allow_nan=False))["rollback_effective_s"] is None


@pytest.mark.parametrize(
    ("replaced", "loop", "needless"), [(None, 0.7, 0), (0.6, 0.7, 0), (0.7, 0.7, 1), (0.8, 0.7, 1)]
)
def test_a_retraining_is_needless_unless_it_beats_what_it_replaced(
    replaced: float | None, loop: float, needless: int
) -> None:
    month = replace(MARCH, auc_loop=loop, auc_replaced=replaced)
    assert Report(months=[MARCH, month]).needless_retrainings == needless
    assert Report(months=[month, month]).to_json()["needless_retrainings"] == 2 * needless


def test_a_retraining_that_was_held_back_is_told_with_its_reason() -> None:
    check = {"verdict": "drifting", "retraining": None, "held_back": "cooldown: …"}
    assert story(DiaryLoop())._follow(check) == ("held back: cooldown: …", None)


def test_a_failed_retraining_ends_the_demo() -> None:
    check = {"verdict": "drifting", "retraining": "a run", "held_back": None}
    with pytest.raises(ApiError, match="retraining a run failed"):
        story(DiaryLoop({"a run": "failed"}))._follow(check)


def test_an_answer_by_the_fallback_ends_the_demo() -> None:
    with pytest.raises(ApiError, match="expected every answer from the model, got some by fallback:default"):
        story(DiaryLoop(answered_by="fallback:default"))._ask(
            [{"scheduled_departure": "2013-03-01T06:00:00Z", "departures_that_hour": 1, "distance": 1}]
        )
