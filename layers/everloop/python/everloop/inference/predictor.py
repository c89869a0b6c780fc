"""Answer each row by a rule, the version it is assigned to, the versions behind it, or the declared constant."""

import math
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from everloop.columns import Columns
from everloop.contracts.columns import ColumnType
from everloop.contracts.definition import Definition
from everloop.contracts.predictions import Variant
from everloop.contracts.registry import Aliases
from everloop.contracts.sections import Constant
from everloop.contracts.tasks import Task
from everloop.errors import EverloopError, ModelUnavailableError, NotFiniteError, StorageError, VersionRestsError
from everloop.inference.answer import Answer, Part, RecommendedItem
from everloop.inference.assignment import assigned
from everloop.inference.history import HistoryLookup
from everloop.inference.rows import to_columns
from everloop.inference.rules import Rules
from everloop.inference.versions import Versions
from everloop.inference.watchdog import Watchdog
from everloop.scorer import Recommended, Scorer

_ROWS_WITHIN_SLO = 100
"""As many rows have `latency_slo_ms` together, more of them proportionally longer."""
_MS = 1_000


class Predictor:
    def __init__(
        self, versions: Versions, history: HistoryLookup, rules_of: Callable[[Definition], Rules | None]
    ) -> None:
        self._versions = versions
        self._history = history
        self._rules_of = rules_of
        self._watchdog = Watchdog()

    def predict(
        self,
        definition: Definition,
        rows: Sequence[dict[str, Any]],
        prediction_ids: Sequence[str],
        *,
        pinned_version: int | None = None,
    ) -> Answer:
        """Raises InvalidRowsError; ModelUnavailableError only when no rule, no version and no constant can answer.

        A pinned version is asked alone: its failure is the caller's to see.
        """
        columns = to_columns(rows, definition)
        history = self._history.look_up(definition, columns)
        columns |= history.columns
        answer = Answer.empty(len(rows))
        answer.inputs = columns
        answer.history_misses = history.misses
        answer.failures += history.failures
        everyone = range(len(rows))
        if pinned_version is not None:
            answer.variants = ["pinned"] * len(rows)
            scorer = self._versions.scorer(definition, pinned_version)
            part, finite = self._scored(definition, scorer, pinned_version, "model", columns, answer.failures)
            if not all(finite):
                raise NotFiniteError(f"version {pinned_version} answered NaN or infinity")
            answer.fill(everyone, part)
        else:
            self._cascade(definition, answer, prediction_ids)
        return answer

    def _cascade(self, definition: Definition, answer: Answer, prediction_ids: Sequence[str]) -> None:
        rows: Sequence[int] = range(len(prediction_ids))
        if definition.serving.rules:
            rows = self._ask_rules(definition, answer, rows)
            if not rows:
                return
        aliases = self._aliases(definition, answer.failures)
        for variant, own in self._divided(definition, aliases, answer, rows, prediction_ids):
            left: Sequence[int] = own
            for version, answered_by in _line_of_succession(aliases, variant):
                left = self._ask(definition, version, answered_by, answer, left)
                if not left:
                    break
            if left:
                answer.fill(left, _constant(definition, len(left), answer.failures))

    def _ask_rules(self, definition: Definition, answer: Answer, rows: Sequence[int]) -> Sequence[int]:
        """Which rows no rule answered."""
        try:
            rules = self._rules_of(definition)
            first = rules.first_matching(answer.inputs).tolist() if rules else [-1] * len(rows)
        except ModelUnavailableError as error:
            answer.failures.append(error)
            return rows
        for place in set(first) - {-1}:
            rule = definition.serving.rules[place]
            matching = [row for row, found in zip(rows, first, strict=True) if found == place]
            answer.fill(matching, _same(rule.answer, f"rule:{rule.name}", len(matching)))
        return [row for row, found in zip(rows, first, strict=True) if found == -1]

    def _aliases(self, definition: Definition, failures: list[EverloopError]) -> Aliases:
        try:
            return self._versions.aliases(definition.name)
        except (ModelUnavailableError, StorageError) as error:
            failures.append(error)
            return Aliases(model=definition.name)

    def _divided(
        self,
        definition: Definition,
        aliases: Aliases,
        answer: Answer,
        rows: Sequence[int],
        prediction_ids: Sequence[str],
    ) -> Iterator[tuple[Variant, Sequence[int]]]:
        """Each variant with its rows."""
        traffic = aliases.traffic
        if traffic is None:
            yield "champion", rows
            return
        chosen = assigned(traffic, definition, answer.inputs, prediction_ids)
        if traffic.mode == "shadow":
            answer.shadows = [traffic.challenger if each else None for each in chosen]
            yield "champion", rows
            return
        answer.variants = ["challenger" if each else "champion" for each in chosen]
        variants: tuple[Variant, ...] = ("champion", "challenger")
        for variant in variants:
            own = [row for row in rows if answer.variants[row] == variant]
            if own:
                yield variant, own

    def _ask(
        self, definition: Definition, version: int, answered_by: str, answer: Answer, rows: Sequence[int]
    ) -> Sequence[int]:
        """Which of the rows it could not answer."""
        everyone = len(rows) == len(answer.scores)
        columns = answer.inputs if everyone else {name: values[rows] for name, values in answer.inputs.items()}
        breaker = self._versions.breaker(definition.name)
        try:
            scorer = self._versions.working_scorer(definition, version)
            part, finite = self._scored(definition, scorer, version, answered_by, columns, answer.failures)
        except (ModelUnavailableError, StorageError) as error:
            # What rests is not tried, and a row that a model cannot take may come from one caller alone.
            if not isinstance(error, VersionRestsError | NotFiniteError):
                breaker.failed(version, str(error))
            answer.failures.append(error)
            return rows
        breaker.succeeded(version)
        if all(finite):
            answer.fill(rows, part)
            return ()
        bad = [row for row, good in zip(rows, finite, strict=True) if not good]
        answer.failures.append(NotFiniteError(f"version {version} answered {len(bad)} row(s) with NaN or infinity"))
        kept = [place for place, good in enumerate(finite) if good]
        part = part._replace(
            scores=[part.scores[place] for place in kept], labels=[part.labels[place] for place in kept]
        )
        answer.fill([rows[place] for place in kept], part)
        return bad

    def _scored(
        self,
        definition: Definition,
        scorer: Scorer,
        version: int,
        answered_by: str,
        columns: Columns,
        failures: list[EverloopError],
    ) -> tuple[Part, list[bool]]:
        """The rows as this version answers them, and of each whether it did with a number."""
        count = len(next(iter(columns.values())))
        if scorer.history:
            other = self._history.as_learned(definition, scorer.history, columns)
            columns = columns | other.columns  # a copy: the next version may have learned what this one has not
            failures += other.failures
        allowed_s = definition.serving.latency_slo_ms / _MS * max(1, count / _ROWS_WITHIN_SLO)
        begun = time.perf_counter()
        scores: Sequence[float | None]
        labels: Sequence[Any]
        with self._watchdog.limit(allowed_s) as options:
            if scorer.task is Task.RECOMMENDATION:
                labels = _recommended(definition, scorer.recommend(columns, options), version)
                scores, finite = [None] * count, [True] * count
            else:
                scores, labels, finite = _labelled(scorer, scorer.raw_scores(columns, options))
        latency_ms = round(_MS * (time.perf_counter() - begun) / count, 4)
        return Part(version, answered_by, scores, labels, latency_ms), finite


def _line_of_succession(aliases: Aliases, variant: Variant) -> Iterator[tuple[int, str]]:
    is_challenger = variant == "challenger" and aliases.traffic is not None
    if is_challenger and aliases.traffic:
        yield aliases.traffic.challenger, "model"
    if aliases.champion is not None:
        yield aliases.champion, "fallback:champion" if is_challenger else "model"
    if aliases.predecessor is not None:
        yield aliases.predecessor, "fallback:previous"


def _labelled(scorer: Scorer, scores: npt.NDArray[np.float64]) -> tuple[list[float], Sequence[Any], list[bool]]:
    """Score and label of each row, and whether the score is a number."""
    if scorer.task is Task.MULTICLASS:
        finite = np.isfinite(scores).all(axis=1).tolist()
        classes = [scorer.classes[index] for index in np.nan_to_num(scores).argmax(axis=1).tolist()]
        return scores.max(axis=1).tolist(), classes, finite
    values: list[float] = scores.tolist()
    if scorer.task is Task.BINARY:
        negative, positive = scorer.classes
        labels: Sequence[Any] = [positive if value >= scorer.threshold else negative for value in values]
    else:
        labels = [None] * len(values)
    return values, labels, [math.isfinite(value) for value in values]


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


def _constant(definition: Definition, count: int, failures: Sequence[EverloopError]) -> Part:
    if definition.serving.fallback is None:
        reasons = "; ".join(str(failure) for failure in failures) or "it has no champion yet"
        raise ModelUnavailableError(
            f"no version of {definition.name!r} can answer ({reasons}) and serving.fallback is not declared"
        )
    return _same(definition.serving.fallback, "fallback:default", count)


def _same(constant: Constant, answered_by: str, count: int) -> Part:
    """The declared answer, for each row."""
    if isinstance(constant, tuple):
        return Part(None, answered_by, [None] * count, [[RecommendedItem(item, None) for item in constant]] * count)
    if isinstance(constant, str):
        return Part(None, answered_by, [None] * count, [constant] * count)
    return Part(None, answered_by, [float(constant)] * count, [None] * count)
