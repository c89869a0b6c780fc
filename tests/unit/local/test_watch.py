"""A run is told step by step, each step and each trial once."""

import re
from typing import Any

from local.loop import Loop
from local.watch import RunWatch


class Lake(Loop):
    """The intermediate files of one run."""

    def __init__(self) -> None:
        self.files: dict[str, Any] = {}

    def work_files(self, model: str, run_id: str) -> list[str]:
        return sorted(self.files)

    def work_file(self, model: str, run_id: str, name: str) -> Any:
        return self.files[name]

    def add_trial(self, number: int, value: float | None, rung: int = 0) -> None:
        self.files[f"trials/{rung}/{number}.json"] = trial(number, value, rung)


def trial(number: int, value: float | None, rung: int = 0) -> dict[str, Any]:
    told = {"trial": number, "algorithm": "ridge", "metric": "rmse", "value": value, "seconds": 1.25}
    return {**told, "rung": rung}


def planned(trials: int, rung: int = 0, rungs: tuple[int, ...] = (960,), dropped: Any = ()) -> dict[str, Any]:
    tried = [{"trial": number, "algorithm": "ridge"} for number in range(trials)]
    return {"rung": rung, "rungs": list(rungs), "trials": tried, "dropped": list(dropped)}


def words(told: list[str]) -> list[str]:
    return [re.sub(r"^ +\d+\.\d s ", "", line) for line in told]


def test_each_step_and_each_trial_is_told_once_and_in_order() -> None:
    lake, told = Lake(), list[str]()
    watch = RunWatch(lake, "pump", "r1", tell=told.append)
    watch.tell_news()
    assert told == []
    lake.files |= {"features.onnx": b"", "dataset.npz": b"", "plan.json": planned(3)}
    lake.add_trial(1, 0.5)
    watch.tell_news()
    watch.tell_news()
    lake.add_trial(0, None)
    lake.files |= {
        "fitted/facts.json": {},
        "evaluation.json": {},
        "candidate/card.md": b"",
        "candidate/model.onnx": b"",
    }
    watch.tell_news()
    watch.tell_news()
    assert words(told) == [
        "dataset prepared",
        "trying 3 trials",
        "trial 1, 1 of 3 done: ridge, rmse 0.5000, 1.2 s",
        "trial 0, 2 of 3 done: ridge, no finite value, 1.2 s",
        "candidate made",
        "candidate judged",
        "files of the version laid out",
    ]


def test_each_rung_tells_who_was_dropped_with_what_value() -> None:
    lake, told = Lake(), list[str]()
    watch = RunWatch(lake, "pump", "r1", tell=told.append)
    rungs = (10_000, 30_000)
    lake.files |= {"dataset.npz": b"", "plan.json": planned(3, rungs=rungs)}
    lake.add_trial(0, 0.5)
    watch.tell_news()
    lake.add_trial(1, 0.75)
    lost = {"trial": 2, "algorithm": "ridge", "rung": 0, "error": "Sandbox.Timedout"}
    lake.files["trials/0/selection.json"] = planned(1, 1, rungs, [trial(1, 0.75), lost])
    lake.add_trial(0, 0.25, rung=1)
    watch.tell_news()
    watch.tell_news()
    assert words(told) == [
        "dataset prepared",
        "rung 1 of 2: 3 trials on 10,000 of 30,000 training rows",
        "trial 0, 1 of 3 done: ridge, rmse 0.5000, 1.2 s",
        "trial 1, 2 of 3 done: ridge, rmse 0.7500, 1.2 s",
        "trial 1 dropped after rung 1: ridge, rmse 0.7500",
        "trial 2 dropped after rung 1: ridge, Sandbox.Timedout",
        "rung 2 of 2: 1 trials on 30,000 of 30,000 training rows",
        "trial 0, 1 of 1 done: ridge, rmse 0.2500, 1.2 s",
    ]


def test_an_import_has_steps_and_no_trials() -> None:
    lake, told = Lake(), list[str]()
    watch = RunWatch(lake, "pump", "r1", tell=told.append)
    lake.files |= {"dataset.npz": b"", "fitted/facts.json": {}, "evaluation.json": {}}
    watch.tell_news()
    assert words(told) == ["dataset prepared", "candidate made", "candidate judged"]


def test_the_lake_is_not_listed_at_each_look() -> None:
    lake, told = Lake(), list[str]()
    watch = RunWatch(lake, "pump", "r1", tell=told.append)
    watch.look()
    lake.files |= {"dataset.npz": b"", "plan.json": planned(3)}
    watch.look()
    assert told == []
