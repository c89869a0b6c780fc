"""Score logged rows with the challenger that they were assigned to, where no answer waits for it."""

import time
from collections import defaultdict
from collections.abc import Sequence
from threading import Timer
from typing import Any

import onnxruntime as ort

from everloop.contracts.definition import Definition
from everloop.errors import EverloopError, ModelTooSlowError, ModelUnavailableError, VersionRestsError
from everloop.monitoring.rescoring import Rescored, logged_columns, rescore
from everloop.scorer import Scorer
from everloop.stores.predictions import INPUT_PREFIX
from everloop.stores.registry import VersionReader

LIMIT_S, PAUSE_S = 20.0, 60.0
"""What a challenger may take of one write, and for how long it is left alone when that was not enough: one that never
ends must not end the function, and cost the log."""
_KEPT_SCORERS = 4
_MS = 1_000
_TEXT = 300
"""Characters of an error that are logged with each row."""

Row = dict[str, Any]
"""One of the log, by column."""


class Challengers:
    """Loads a version once. What one of them cannot do costs its own scores alone, and the log says why."""

    def __init__(self, versions: VersionReader, *, limit_s: float = LIMIT_S) -> None:
        self._versions = versions
        self._limit_s = limit_s
        self._scorers: dict[tuple[str, int], Scorer] = {}
        self._rests_until: dict[tuple[str, int], float] = {}

    def score(self, definition: Definition, rows: Sequence[Row]) -> None:
        """Fill the shadow columns of the rows that name a shadow version."""
        by_version: dict[int, list[Row]] = defaultdict(list)
        for row in rows:
            if row["shadow_version"] is not None:
                by_version[row["shadow_version"]].append(row)
        for version, own in by_version.items():
            try:
                scorer = self._scorer(definition, version)
                begun = time.perf_counter()  # loading a version is no part of what a row takes
                found = self._rescored(definition, scorer, version, own)
            except EverloopError as error:
                for row in own:
                    row["shadow_error"] = str(error)[:_TEXT]
                continue
            latency_ms = round(_MS * (time.perf_counter() - begun) / len(own), 4)
            for row, score, label in zip(own, *found, strict=True):
                row |= {"shadow_score": score, "shadow_label": label, "shadow_latency_ms": latency_ms}
                if score is None and label is None:
                    row["shadow_error"] = f"version {version} answered NaN or infinity"

    def _rescored(self, definition: Definition, scorer: Scorer, version: int, rows: Sequence[Row]) -> Rescored:
        inputs = {
            name: [row[INPUT_PREFIX + name] for row in rows]
            for name in definition.served_columns
            if INPUT_PREFIX + name in rows[0]
        }
        columns = logged_columns(definition, inputs)
        options = ort.RunOptions()
        timer = Timer(self._limit_s, setattr, (options, "terminate", True))
        timer.start()
        try:
            return rescore(definition, scorer, columns, options)
        except ModelUnavailableError as error:
            if options.terminate:
                self._rests_until[definition.name, version] = time.monotonic() + PAUSE_S
                raise ModelTooSlowError(
                    f"version {version} did not score {len(rows)} row(s) within {self._limit_s:g} s"
                ) from error
            raise
        finally:
            timer.cancel()

    def _scorer(self, definition: Definition, version: int) -> Scorer:
        key = definition.name, version
        if time.monotonic() < self._rests_until.get(key, 0):
            raise VersionRestsError(f"version {version} was too slow, and is left alone for {PAUSE_S:g} s")
        if key not in self._scorers:
            scorer = Scorer(self._versions.read(definition.name, version, "model.onnx"))
            while len(self._scorers) >= _KEPT_SCORERS:
                self._scorers.pop(next(iter(self._scorers)))
            self._scorers[key] = scorer
        self._scorers[key].check_schema(definition)
        return self._scorers[key]
