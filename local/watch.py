"""A training run as it goes on: told step by step, from the files that its steps leave behind."""

import time
from collections.abc import Callable

from local.loop import Loop

PLAN = "plan.json"
STEPS = {
    PLAN: "dataset prepared",
    "fitted/facts.json": "best trial fitted",
    "evaluation.json": "candidate judged",
    "candidate/": "files of the version laid out",
}
"""A file, or the beginning of its name → what is done when it is there, in the order of the run."""
_TRIALS = "trials/"
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
            if file == PLAN and file in self._told:
                self._tell_trials(sorted(name for name in names if name.startswith(_TRIALS)))

    def _tell_trials(self, names: list[str]) -> None:
        self._planned = self._planned or len(self._loop.work_file(*self._run, PLAN))
        for name in filter(self._is_news, names):
            self._done += 1
            trial = self._loop.work_file(*self._run, name)
            value = "no finite value" if trial["value"] is None else f"{trial['metric']} {trial['value']:.4f}"
            self._tell(
                f"{self._elapsed()} trial {self._done} of {self._planned}: {trial['algorithm']}, {value}, "
                f"{trial['seconds']:.1f} s"
            )

    def _is_news(self, name: str) -> bool:
        is_new = name not in self._told
        self._told.add(name)
        return is_new

    def _elapsed(self) -> str:
        return f"{time.monotonic() - self._began:6.1f} s"
