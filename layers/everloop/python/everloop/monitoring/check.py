"""One monitoring check: read the window, compare, decide, and ask for a retraining when it is due."""

import json
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import numpy as np

from everloop.contracts.definition import Definition
from everloop.contracts.monitoring import Check, ColumnDriftRecord, Performance
from everloop.contracts.registry import TrainingRequest
from everloop.contracts.tasks import Task
from everloop.errors import EverloopError
from everloop.features.profile import Profile
from everloop.metrics import bootstrap_interval
from everloop.monitoring.comparable import comparable
from everloop.monitoring.drift import NULL_SHARE_THRESHOLD, ColumnDrift, compare
from everloop.monitoring.skew import measure_skew
from everloop.monitoring.unknown_outcomes import find_unknown_outcomes
from everloop.monitoring.verdict import decide, hold_back
from everloop.monitoring.window import CurrentWindow, read_window
from everloop.ports import EventBus
from everloop.stores.batches import BatchStore
from everloop.stores.checks import CheckStore, check_id
from everloop.stores.predictions import PredictionLog
from everloop.stores.registry import ModelRegistry

SIGNIFICANT_PSI = 0.25
"""The customary bound of a significant shift (Siddiqi, Credit Risk Scorecards, 2006); below it inputs merely wander."""
_WEEK = timedelta(days=7)


class ModelChecker:
    def __init__(
        self, registry: ModelRegistry, batches: BatchStore, log: PredictionLog, checks: CheckStore, events: EventBus
    ) -> None:
        self._registry = registry
        self._batches = batches
        self._log = log
        self._checks = checks
        self._events = events

    def check(self, definition: Definition, scheduled_time: datetime) -> Check:
        """The check of this very moment; asked twice, it answers with the first one and asks for nothing again."""
        scheduled_time = scheduled_time.astimezone(UTC)  # the log's days are those of UTC
        identifier = check_id(scheduled_time)
        known = self._checks.find(definition.name, identifier)
        if known:
            return known
        check = self._look(definition, scheduled_time, identifier)
        if check.verdict in ("degraded", "drifting"):
            check = self._retrain(definition, check)
        # The events go out before the check is saved: a death in between repeats them, and never loses them.
        self._announce(check)
        self._checks.save(check)
        return check

    def _look(self, definition: Definition, scheduled_time: datetime, identifier: str) -> Check:
        start = scheduled_time - definition.monitoring.window
        version = self._registry.aliases(definition.name).champion
        common: dict[str, Any] = {
            "model": definition.name,
            "check_id": identifier,
            "scheduled_time": scheduled_time,
            "window_start": start,
            "version": version,
        }
        if version is None:
            return Check(**common, rows=0, outcomes=0, verdict="no-champion")
        reference = Profile.from_json(self._registry.read(definition.name, version, "profile.json"))
        reference = _comparable_columns(reference, definition)
        with tempfile.TemporaryDirectory() as folder:
            asked: dict[str, Any] = {"version": version, "start": start, "end": scheduled_time, "folder": Path(folder)}
            predictions, outcomes = (
                self._download(kind, definition.name, start, scheduled_time, Path(folder))
                for kind in ("predictions", "outcomes")
            )
            window = read_window(definition, predictions, outcomes, input_names=list(reference.columns), **asked)
            common |= {"rows": window.rows, "outcomes": len(window.actual)}
            unknown, path = find_unknown_outcomes(
                self._log,
                definition,
                predictions,
                outcomes,
                folder=Path(folder),
                start=start,
                end=scheduled_time,
            )
            if path:
                self._log.set_aside(definition.name, identifier, path)
            common["unknown_outcomes"] = unknown
            if definition.histories:
                try:
                    common["history_skew"] = measure_skew(definition, predictions, self._batches, **asked)
                except (EverloopError, duckdb.Error, OSError) as error:  # the rest is judged all the same
                    common["history_problem"] = str(error)
        if window.rows < definition.monitoring.minimum_rows:
            return Check(**common, verdict="too-few-rows")
        columns = _drift(reference, window)
        performance = self._performance(definition, version, window)
        verdict, reasons = decide(columns, performance)
        return Check(**common, columns=columns, performance=performance, verdict=verdict, reasons=reasons)

    def _download(self, kind: str, model: str, start: datetime, end: datetime, folder: Path) -> list[Path]:
        return self._log.download_all(list(self._log.keys(kind, model, start.date(), end.date())), folder, kind)

    def _performance(self, definition: Definition, version: int, window: CurrentWindow) -> Performance | None:
        if len(window.actual) < definition.monitoring.minimum_rows:
            return None
        stored = json.loads(self._registry.read(definition.name, version, "metrics.json"))
        actual, score = comparable(definition, window.actual, window.score, window.label)
        if definition.task is Task.BINARY and np.ptp(actual) == 0:
            return None  # one class only: its ranking cannot be judged
        name = "accuracy" if definition.task is Task.MULTICLASS else definition.metric
        current = bootstrap_interval(name, actual, score, seed=definition.training.seed)
        if not np.isfinite(current).all():
            return None  # such as r2 where every outcome is the same
        return Performance(
            metric=name,
            rows=len(actual),
            value=current.value,
            low=current.low,
            high=current.high,
            reference=stored["candidate"][name],
            reference_low=stored["intervals"][name]["low"],
            reference_high=stored["intervals"][name]["high"],
        )

    def _retrain(self, definition: Definition, check: Check) -> Check:
        look_back = max(definition.retraining.cooldown, _WEEK)
        reason = hold_back(definition, check, self._checks.since(definition.name, check.scheduled_time - look_back))
        if reason:
            return check.model_copy(update={"held_back": reason})
        request = TrainingRequest(
            model=definition.name,
            run_id=f"check-{check.check_id}",
            as_of=check.scheduled_time,
            reason=f"{check.verdict}: {'; '.join(check.reasons)}",
            requested_by="monitoring",
        )
        self._events.publish("training.requested", subject=definition.name, data=request.model_dump(mode="json"))
        return check.model_copy(update={"retraining": request.run_id})

    def _announce(self, check: Check) -> None:
        data = check.model_dump(mode="json")
        self._events.publish("monitoring.checked", subject=check.model, data=data)
        if check.drifted_columns:
            self._events.publish("drift.detected", subject=check.model, data=data)
        if check.history_skew and check.history_skew.different:
            self._events.publish("history.skewed", subject=check.model, data=data)
        if check.verdict == "degraded":
            self._events.publish("performance.degraded", subject=check.model, data=data)


def _comparable_columns(reference: Profile, definition: Definition) -> Profile:
    """Without columns that left the definition, or changed their kind, since the champion was trained, and without
    personal data, of which the log holds no values to compare."""
    declared = {name: column for name, column in definition.served_columns.items() if not column.pii}
    declared.pop(definition.named_by_id or "", None)
    columns = {
        name: column
        for name, column in reference.columns.items()
        if name in declared and declared[name].type.is_textual == (name not in reference.centres)
    }
    return Profile(reference.rows, columns)


def _drift(reference: Profile, window: CurrentWindow) -> tuple[ColumnDriftRecord, ...]:
    """Drift of the whole window; a column has drifted only if it did so, and by much, in both halves of the window."""
    reference = Profile(reference.rows, {name: reference.columns[name] for name in window.columns})
    older, newer = (
        {found.column for found in compare(reference, Profile.of(half, reference.centres)) if _is_large(found)}
        for half in window.halves()
    )
    return tuple(
        ColumnDriftRecord(
            column=found.column,
            statistic=found.statistic,
            effect=found.effect,
            p_value=found.p_value,
            psi=found.psi,
            drifted=found.drifted and found.column in older & newer,
        )
        for found in compare(reference, Profile.of(window.columns, reference.centres))
    )


def _is_large(found: ColumnDrift) -> bool:
    lost = abs(found.current_null_share - found.reference_null_share)
    return found.drifted and (found.psi >= SIGNIFICANT_PSI or lost >= NULL_SHARE_THRESHOLD)
