"""Answer with the champion, else with the version before it, else with the declared constant."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from everloop.columns import Columns
from everloop.contracts.columns import ColumnType
from everloop.contracts.definition import Definition
from everloop.contracts.predictions import Variant
from everloop.contracts.registry import Aliases
from everloop.contracts.tasks import Task
from everloop.errors import EverloopError, ModelUnavailableError, NotFoundError, StorageError
from everloop.inference.history import HistoryLookup
from everloop.inference.rows import to_columns
from everloop.ports import Clock
from everloop.scorer import Recommended, Scorer
from everloop.stores.registry import VersionReader

MODEL_FILE = "model.onnx"
_KEPT_SCORERS = 4
"""Loaded versions a worker keeps: champion and predecessor of two models, or one with pinned ones."""


class RecommendedItem(NamedTuple):
    item: str | int
    score: float | None
    """None for one of the declared fallback."""


@dataclass(frozen=True)
class Answer:
    version: int | None
    answered_by: str
    variant: Variant
    scores: npt.NDArray[np.float64] | None
    """None when a text constant answers, and of a recommendation."""
    labels: Sequence[Any]
    """Of each row: its class, its list of recommendations, or None for a value."""
    inputs: Columns
    failures: tuple[EverloopError, ...] = ()
    """Why the versions before the one that answered did not, or why it answered without history."""
    history_misses: int = 0
    """Entities named by rows of which no history is kept."""


class Predictor:
    """Warm state of one worker: loaded versions, and aliases not older than `aliases_max_age`."""

    def __init__(
        self, registry: VersionReader, history: HistoryLookup, clock: Clock, aliases_max_age: timedelta
    ) -> None:
        self._registry = registry
        self._history = history
        self._clock = clock
        self._max_age = aliases_max_age
        self._aliases: dict[str, tuple[datetime, Aliases]] = {}
        self._scorers: dict[tuple[str, int], Scorer] = {}

    def predict(
        self, definition: Definition, rows: Sequence[dict[str, Any]], *, pinned_version: int | None = None
    ) -> Answer:
        """Raises InvalidRowsError; ModelUnavailableError only when no version and no constant can answer.

        A pinned version is asked alone: its failure is the caller's to see.
        """
        columns = to_columns(rows, definition)
        history = self._history.look_up(definition, columns)
        answer = self._answer(definition, columns | history.columns, len(rows), pinned_version)
        return replace(answer, failures=(*history.failures, *answer.failures), history_misses=history.misses)

    def _answer(self, definition: Definition, columns: Columns, count: int, pinned_version: int | None) -> Answer:
        if pinned_version is not None:
            return self._scored(definition, columns, pinned_version, "model", "pinned")
        failures: list[EverloopError] = []
        for version, answered_by in self._line_of_succession(definition.name, failures):
            try:
                return self._scored(definition, columns, version, answered_by, "champion", failures=failures)
            except (ModelUnavailableError, StorageError, NotFoundError) as error:
                failures.append(error)
        return _constant(definition, columns, count, tuple(failures))

    def _scored(
        self,
        definition: Definition,
        columns: Columns,
        version: int,
        answered_by: str,
        variant: Variant,
        *,
        failures: Sequence[EverloopError] = (),
    ) -> Answer:
        scorer = self._scorer(definition.name, version)
        other = self._history.as_learned(definition, scorer.history, columns)
        taken = columns | other.columns  # not in place: the next version may have learned what this one has not
        scores: npt.NDArray[np.float64] | None
        labels: Sequence[Any]
        if (scorer.task is Task.RECOMMENDATION) != (definition.task is Task.RECOMMENDATION):
            raise ModelUnavailableError(f"version {version} has the task {scorer.task}, not {definition.task}")
        if definition.recommendation:
            scores, labels = None, _recommended(definition, scorer.recommend(taken), version)
        else:
            scores, labels = _labelled(scorer, scorer.score(taken))
        # A version may have learned history that is declared no more, which is no input to be logged.
        inputs = {name: taken[name] for name in columns}
        return Answer(version, answered_by, variant, scores, labels, inputs, (*failures, *other.failures))

    def _line_of_succession(self, model: str, failures: list[EverloopError]) -> Iterator[tuple[int, str]]:
        try:
            aliases = self._fresh_aliases(model)
        except (ModelUnavailableError, StorageError) as error:
            failures.append(error)
            return
        if aliases.champion is not None:
            yield aliases.champion, "model"
        if aliases.predecessor is not None:
            yield aliases.predecessor, "fallback:previous"

    def _fresh_aliases(self, model: str) -> Aliases:
        now = self._clock.now()
        known = self._aliases.get(model)
        if known and now - known[0] < self._max_age:
            return known[1]
        try:
            aliases = self._registry.aliases(model)
        except (ModelUnavailableError, StorageError):
            if known is None:
                raise
            aliases = known[1]  # S3 is away or the file is damaged: yesterday's champion is a better answer than none
        self._aliases[model] = now, aliases
        return aliases

    def _scorer(self, model: str, version: int) -> Scorer:
        key = model, version
        if key not in self._scorers:
            scorer = Scorer(self._registry.read(model, version, MODEL_FILE))
            while len(self._scorers) >= _KEPT_SCORERS:
                self._scorers.pop(next(iter(self._scorers)))
            self._scorers[key] = scorer
        return self._scorers[key]


def _labelled(scorer: Scorer, scores: npt.NDArray[np.float64]) -> tuple[npt.NDArray[np.float64], Sequence[Any]]:
    if scorer.task.answers_value:
        return scores, [None] * len(scores)
    if scorer.task is Task.BINARY:
        return scores, [scorer.classes[int(score >= scorer.threshold)] for score in scores]
    best = scores.argmax(axis=1)
    return scores.max(axis=1), [scorer.classes[index] for index in best]


def _recommended(definition: Definition, found: Recommended, version: int) -> list[list[RecommendedItem]]:
    kind = int if definition.columns[definition.data.target].type is ColumnType.INTEGER else str
    try:
        return [
            [RecommendedItem(kind(item), score) for item, score in zip(items, scores, strict=True) if item]
            for items, scores in zip(found.items.tolist(), found.scores.tolist(), strict=True)
        ]
    except ValueError as error:
        raise ModelUnavailableError(
            f"version {version} recommends what is no integer, as {definition.data.target!r} is declared now ({error});"
            " train again"
        ) from error


def _constant(definition: Definition, columns: Columns, count: int, failures: tuple[EverloopError, ...]) -> Answer:
    fallback = definition.serving.fallback
    if fallback is None:
        reasons = "; ".join(str(failure) for failure in failures) or "it has no champion yet"
        raise ModelUnavailableError(
            f"no version of {definition.name!r} can answer ({reasons}) and serving.fallback is not declared"
        )
    if isinstance(fallback, tuple):
        items = [RecommendedItem(item, None) for item in fallback]
        return Answer(None, "fallback:default", "champion", None, [items] * count, columns, failures)
    if isinstance(fallback, str):
        return Answer(None, "fallback:default", "champion", None, [fallback] * count, columns, failures)
    scores = np.full(count, float(fallback))
    return Answer(None, "fallback:default", "champion", scores, [None] * count, columns, failures)
