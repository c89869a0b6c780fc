"""Answer each row by a rule, the version it is assigned to, the versions behind it, or the declared constant."""

import time
from collections.abc import Callable, Sequence
from typing import Any
from weakref import WeakKeyDictionary

from everloop.columns import Columns
from everloop.contracts.columns import ColumnType
from everloop.contracts.definition import Definition
from everloop.contracts.sections import Constant
from everloop.errors import (
    EverloopError,
    ModelLoadError,
    ModelTooSlowError,
    ModelUnavailableError,
    NotFiniteError,
    StorageError,
    VersionRestsError,
    WrongSchemaError,
)
from everloop.inference.answer import Answer, Part, RecommendedItem
from everloop.inference.assignment import assigned
from everloop.inference.history import HistoryLookup
from everloop.inference.rows import to_columns
from everloop.inference.rules import NO_RULE, Rules
from everloop.inference.versions import Versions, foreseen
from everloop.inference.watchdog import Watchdog
from everloop.scorer import Recommended, Scorer

_ROWS_WITHIN_SLO = 100
"""As many rows have `latency_slo_ms` together, more of them proportionally longer."""
_LONGEST_S = 8.0
"""Of one version: API Gateway waits 29 s, in which challenger, champion and the one before may all be too slow."""
_MS = 1_000


class Predictor:
    def __init__(
        self, versions: Versions, history: HistoryLookup, rules_of: Callable[[Definition], Rules | None]
    ) -> None:
        self._versions = versions
        self._history = history
        self._rules_of = rules_of
        self._watchdog = Watchdog()
        self._witnesses: WeakKeyDictionary[Scorer, Columns] = WeakKeyDictionary()
        """A row that each version answered in time."""

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
        answer = Answer.empty(len(rows))
        answer.inputs = to_columns(rows, definition)
        history = self._history.look_up(definition, answer.inputs)
        answer.inputs |= history.columns
        answer.history_misses = history.misses
        answer.failures += history.failures
        if pinned_version is None:
            self._cascade(definition, answer, prediction_ids)
        else:
            self._ask_alone(definition, pinned_version, answer)
        return answer

    def _ask_alone(self, definition: Definition, version: int, answer: Answer) -> None:
        scorer = self._versions.scorer(definition, version)
        with foreseen(version):
            part, finite = self._scored(definition, scorer, version, answer.inputs, answer.failures)
        if not all(finite):
            raise _not_finite(version, finite)
        answer.variants = ["pinned"] * len(finite)
        answer.fill(range(len(finite)), part)

    def _cascade(self, definition: Definition, answer: Answer, prediction_ids: Sequence[str]) -> None:
        aliases = self._versions.aliases(definition.name, answer.failures)
        traffic = aliases.traffic
        chosen = assigned(traffic, definition, answer.inputs, prediction_ids) if traffic else []
        left: Sequence[int] = range(len(prediction_ids))
        if definition.serving.rules:
            left = self._ask_rules(definition, answer)
        lost: Sequence[int] = ()
        if traffic and traffic.mode == "shadow":
            answer.shadows = [None] * len(prediction_ids)
            for row in left:
                answer.shadows[row] = traffic.challenger if chosen[row] else None
        elif traffic:
            answer.variants = ["challenger" if each else "champion" for each in chosen]
            lost = self._ask(definition, traffic.challenger, "model", answer, [row for row in left if chosen[row]])
            left = sorted([*lost, *(row for row in left if not chosen[row])])
        if aliases.champion is not None:
            left = self._ask(definition, aliases.champion, "model", answer, left)
            for row in set(lost).difference(left):
                answer.answered_by[row] = "fallback:champion"
        if left and aliases.predecessor is not None:
            left = self._ask(definition, aliases.predecessor, "fallback:previous", answer, left)
        if left:
            answer.fill(left, _constant(definition, len(left), answer.failures))

    def _ask_rules(self, definition: Definition, answer: Answer) -> Sequence[int]:
        """Which rows no rule answered."""
        rows = range(len(answer.scores))
        try:
            rules = self._rules_of(definition)
            if rules is None:
                raise ModelLoadError(f"the rules of {definition.name!r} were not deployed with it; deploy again")
            first = rules.first_matching(answer.inputs).tolist()
        except ModelUnavailableError as error:
            answer.failures.append(error)
            return rows
        for place in set(first) - {NO_RULE}:
            rule = definition.serving.rules[place]
            matching = [row for row in rows if first[row] == place]
            answer.fill(matching, _same(rule.answer, f"rule:{rule.name}", len(matching)))
        return [row for row in rows if first[row] == NO_RULE]

    def _ask(
        self, definition: Definition, version: int, answered_by: str, answer: Answer, rows: Sequence[int]
    ) -> Sequence[int]:
        """Which of the rows it could not answer."""
        if not rows:
            return rows
        everyone = len(rows) == len(answer.scores)
        columns = answer.inputs if everyone else {name: values[rows] for name, values in answer.inputs.items()}
        breaker = self._versions.breaker(definition.name)
        try:
            scorer = self._versions.working_scorer(definition, version)
        except (ModelUnavailableError, StorageError) as error:
            if not isinstance(error, VersionRestsError | StorageError):  # S3 is no version's fault
                breaker.failed(version, str(error))
            answer.failures.append(error)
            return rows
        try:
            with foreseen(version):
                part, finite = self._scored(definition, scorer, version, columns, answer.failures)
        except ModelUnavailableError as error:
            # What fails fast costs nobody anything, and may be the doing of one caller's rows.
            if isinstance(error, ModelTooSlowError) and self._is_slow(definition, scorer):
                breaker.failed(version, str(error))
            answer.failures.append(error)
            return rows
        if any(finite):
            breaker.succeeded(version)
        part = part._replace(answered_by=answered_by)
        if all(finite):
            answer.fill(rows, part)
            return ()
        answer.failures.append(_not_finite(version, finite))
        kept = [place for place, good in enumerate(finite) if good]
        answer.fill(
            [rows[place] for place in kept],
            part._replace(scores=[part.scores[place] for place in kept], labels=[part.labels[place] for place in kept]),
        )
        return [row for row, good in zip(rows, finite, strict=True) if not good]

    def _scored(
        self,
        definition: Definition,
        scorer: Scorer,
        version: int,
        columns: Columns,
        failures: list[EverloopError],
    ) -> tuple[Part, list[bool]]:
        """The rows as this version answers them, and of each whether it did with a number."""
        count = len(next(iter(columns.values())))
        if scorer.history:
            other = self._history.as_learned(definition, scorer.history, columns)
            columns = columns | other.columns  # a copy: the next version may have learned what this one has not
            failures += other.failures
        scores: Sequence[float | None]
        labels: Sequence[Any]
        finite: list[bool]
        begun = time.perf_counter()
        with self._watchdog.limit(_allowed_s(definition, count)) as options:
            found = scorer.run(columns, options)
        latency_ms = round(_MS * (time.perf_counter() - begun) / count, 4)
        if isinstance(found, Recommended):
            scores, labels = [None] * count, _recommended(definition, found, version)
            finite = found.finite
        else:
            scores, labels, finite = scorer.labelled(found)
        if scorer not in self._witnesses and finite[0]:
            self._witnesses[scorer] = {name: columns[name][:1].copy() for name in scorer.inputs}
        return Part(version, "model", scores, labels, latency_ms), finite

    def _is_slow(self, definition: Definition, scorer: Scorer) -> bool:
        """Whether the version is to blame, not one caller's rows: what it answered before takes too long, too."""
        witness = self._witnesses.get(scorer)
        if witness is None:
            return True
        try:
            with self._watchdog.limit(_allowed_s(definition, 1)) as options:
                scorer.run(witness, options)
        except ModelUnavailableError:
            return True
        return False


def _allowed_s(definition: Definition, rows: int) -> float:
    return min(definition.serving.latency_slo_ms / _MS * max(1, rows / _ROWS_WITHIN_SLO), _LONGEST_S)


def _not_finite(version: int, finite: Sequence[bool]) -> NotFiniteError:
    return NotFiniteError(f"version {version} answered {finite.count(False)} row(s) with NaN or infinity")


def _recommended(definition: Definition, found: Recommended, version: int) -> list[list[RecommendedItem]]:
    kind = int if definition.columns[definition.data.target].type is ColumnType.INTEGER else str
    try:
        return [
            [RecommendedItem(kind(item), score) for item, score in zip(items, scores, strict=True) if item]
            for items, scores in zip(found.items.tolist(), found.scores.tolist(), strict=True)
        ]
    except ValueError as error:
        raise WrongSchemaError(
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
