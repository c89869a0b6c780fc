"""A training run as it goes on: told step by step, from the files that its steps leave behind."""

import time
from collections.abc import Callable
from typing import Any

from local.loop import Loop

_PREPARED = "dataset.npz"
STEPS = {
    _PREPARED: "dataset prepared",
    "fitted/facts.json": "candidate made",
    "evaluation.json": "candidate judged",
    "candidate/": "files of the version laid out",
}
"""A file, or the beginning of its name → what is done when it is there, in the order of the run."""
_PLAN = "plan.json"
"""What an import has none of."""
_TRIALS = "trials/"
_SELECTION = "selection.json"
PAUSE_S = 0.5


class RunWatch:
    def __init__(self, loop: Loop, model: str, run_id: str, *, tell: Callable[[str], None]) -> None:
        self._loop = loop
        self._run = (model, run_id)
        self._tell = tell
        self._began = time.monotonic()
        self._looked = 0.0
        self._told: set[str] = set()
        self._planned = 0
        self._done = 0

    def look(self) -> None:
        """`tell_news`, but not more often than a listing of the lake is worth."""
        if time.monotonic() - self._looked >= PAUSE_S:
            self.tell_news()
            self._looked = time.monotonic()

    def tell_news(self) -> None:
        """Tell what was done since the last time."""
        names = self._loop.work_files(*self._run)
        for file, words in STEPS.items():
            if any(name.startswith(file) for name in names) and self._is_news(file):
                self._tell(f"{self._elapsed()} {words}")
            if file == _PREPARED and _PLAN in names:
                self._tell_search(sorted(name for name in names if name.startswith(_TRIALS)))

    def _tell_search(self, names: list[str]) -> None:
        """`trials/{rung}/{trial}.json`, and `trials/{rung}/selection.json` of each rung but the last."""
        if not self._planned:
            self._tell_rung(self._loop.work_file(*self._run, _PLAN))
        for name in filter(self._is_news, names):
            found = self._loop.work_file(*self._run, name)
            if name.endswith(_SELECTION):
                self._tell_rung(found)
            else:
                self._done += 1
                done = f"trial {found['trial']}, {self._done} of {self._planned} done"
                self._tell(f"{self._elapsed()} {done}: {_result(found)}, {found['seconds']:.1f} s")

    def _tell_rung(self, search: dict[str, Any]) -> None:
        """Who was dropped after the rung before, and how many are judged now, on how many rows."""
        rung, rungs = search["rung"], search["rungs"]
        for trial in search["dropped"]:
            if trial["rung"] == rung - 1:
                self._tell(f"{self._elapsed()} trial {trial['trial']} dropped after rung {rung}: {_result(trial)}")
        self._planned, self._done = len(search["trials"]), 0
        if len(rungs) == 1:
            self._tell(f"{self._elapsed()} trying {self._planned} trials")
        else:
            words = f"{self._planned} trials on {rungs[rung]:,} of {rungs[-1]:,} training rows"
            self._tell(f"{self._elapsed()} rung {rung + 1} of {len(rungs)}: {words}")

    def _is_news(self, name: str) -> bool:
        is_new = name not in self._told
        self._told.add(name)
        return is_new

    def _elapsed(self) -> str:
        return f"{time.monotonic() - self._began:6.1f} s"


def _result(trial: dict[str, Any]) -> str:
    """`ridge, rmse 0.5000`; a trial that was lost has an error and no value."""
    value = trial.get("value")
    told = trial.get("error", "no finite value") if value is None else f"{trial['metric']} {value:.4f}"
    return f"{trial['algorithm']}, {told}"
