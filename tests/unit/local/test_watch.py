"""A run is told step by step, each step and each trial once."""

import re
from typing import Any

from local.loop import Loop
from local.watch import RunWatch

PLANNED = [{"trial": number, "algorithm": "ridge"} for number in range(3)]


class Lake(Loop):
    """The intermediate files of one run."""

    def __init__(self) -> None:
        self.files: dict[str, Any] = {}

    def work_files(self, model: str, run_id: str) -> list[str]:
        return sorted(self.files)

    def work_file(self, model: str, run_id: str, name: str) -> Any:
        return self.files[name]

    def add_trial(self, number: int, value: float | None) -> None:
        trial = {"trial": number, "algorithm": "ridge", "metric": "rmse", "value": value, "seconds": 1.25}
        self.files[f"trials/{number}.json"] = trial


def test_each_step_and_each_trial_is_told_once_and_in_order() -> None:
    lake, told = Lake(), list[str]()
    watch = RunWatch(lake, "pump", "r1", tell=told.append)
    watch.tell_news()
    assert told == []
    lake.files |= {"features.onnx": b"", "plan.json": PLANNED}
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
    assert [re.sub(r"^ +\d+\.\d s ", "", line) for line in told] == [
        "dataset prepared",
        "trial 1 of 3: ridge, rmse 0.5000, 1.2 s",
        "trial 2 of 3: ridge, no finite value, 1.2 s",
        "best trial fitted",
        "candidate judged",
        "files of the version laid out",
    ]


def test_the_lake_is_not_listed_at_each_look() -> None:
    lake, told = Lake(), list[str]()
    watch = RunWatch(lake, "pump", "r1", tell=told.append)
    watch.look()
    lake.files |= {"plan.json": PLANNED}
    watch.look()
    assert told == []
