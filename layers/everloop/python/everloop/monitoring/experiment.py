"""Judge the experiment of a model from its log, and have promoted, stepped or ended what is decided."""

import math
import tempfile
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from everloop.contracts.definition import Definition
from everloop.contracts.experiments import ExperimentReport, GuardrailReport, LossDifference, SampleRatio
from everloop.contracts.registry import AliasChange, Aliases
from everloop.contracts.traffic import Traffic
from everloop.monitoring.comparable import Floats
from everloop.monitoring.digests import Digests
from everloop.monitoring.experiment_verdict import decide_experiment
from everloop.monitoring.losses import loss_of
from everloop.monitoring.statistics import sample_ratio
from everloop.monitoring.statistics.confidence_sequence import Difference, difference_of_means, mean_of_pairs
from everloop.monitoring.trial import (
    CHALLENGER,
    CHAMPION,
    OUTCOME_COLUMNS,
    ByVariant,
    Counts,
    KnownRows,
    Trial,
    answer_columns,
    read_trial,
)
from everloop.ports import EventBus
from everloop.stores.experiments import ExperimentStore
from everloop.stores.predictions import PredictionLog
from everloop.stores.registry import VersionReader

_LARGEST = 1e100
"""That a row may lose: what a number can be is more than can be squared and added up."""
_NEVER_SLOW = 0.1
"""Of `latency_slo_ms`: whoever takes less is not slow, however much faster the champion is."""
_UNITS_UNKNOWN = (
    "losses are not compared: the log leaves {!r} out (pii = 'drop'), so that rows of one entity cannot be told from"
    " those of many; declare pii = 'hash'"
)


class TrafficControl(Protocol):
    """Carries a verdict out, for the experiment with this salt alone: nothing changes when it is over."""

    def promote_challenger(self, model: str, salt: str, reason: str) -> Aliases: ...

    def step(self, model: str, salt: str, reason: str) -> Aliases: ...

    def stop(self, model: str, salt: str, reason: str) -> Aliases: ...


class TrafficJudge:
    def __init__(
        self,
        *,
        registry: VersionReader,
        log: PredictionLog,
        digests: Digests,
        reports: ExperimentStore,
        events: EventBus,
        control: TrafficControl,
    ) -> None:
        self._registry = registry
        self._log = log
        self._digests = digests
        self._reports = reports
        self._events = events
        self._control = control

    def judge(self, definition: Definition, moment: datetime) -> ExperimentReport | None:
        """Look, tell, and carry out; None without an experiment. Asked twice for a moment, it judges it once."""
        aliases = self._registry.aliases(definition.name)
        if aliases.traffic is None:
            return None
        report = self._reports.find(definition.name, aliases.traffic.salt, moment)
        if report is None:
            report = self._look(definition, aliases, aliases.traffic, moment)
            # The event goes out before the report is saved, and both before it is carried out: a death in between
            # repeats what was done, and never loses it.
            data = report.model_dump(mode="json")
            self._events.publish("experiment.judged", subject=report.model, data=data)
            self._reports.save(report)
        if report.decides and report.share == aliases.traffic.share:  # a step may have been taken since the moment
            self._carry_out(report)
        return report

    def tell(self, definition: Definition, moment: datetime) -> dict[str, Any]:
        """The traffic as it is and the judgement of this moment, which changes nothing; else the last one there was."""
        aliases = self._registry.aliases(definition.name)
        report = ended = None
        if aliases.traffic:
            report = self._look(definition, aliases, aliases.traffic, moment)
        elif begun := [change for change in aliases.history if change.traffic]:
            ended = next(change for change in aliases.history if change.epoch > begun[-1].epoch)
            report = self._last(definition, aliases, begun[-1], ended.at)
        return {
            "model": definition.name,
            "champion": aliases.champion,
            "traffic": aliases.traffic.model_dump(mode="json") if aliases.traffic else None,
            "report": report.model_dump(mode="json") if report else None,
            "ended": ended.model_dump(mode="json", exclude={"traffic"}) if ended else None,
        }

    def _last(
        self, definition: Definition, aliases: Aliases, begun: AliasChange, ended_at: datetime
    ) -> ExperimentReport | None:
        """Of an experiment that is over: what ended it or, where a person did, what was known then."""
        assert begun.traffic
        report = self._reports.newest(definition.name, begun.traffic.salt)
        if report and report.verdict in ("promote", "abort"):
            return report
        then = aliases.model_copy(update={"champion": begun.champion})
        return self._look(definition, then, begun.traffic, ended_at)

    def _carry_out(self, report: ExperimentReport) -> None:
        asked = report.model, report.salt, "; ".join(report.reasons)
        if report.verdict == "promote":
            self._control.promote_challenger(*asked)
        elif report.verdict == "step":
            self._control.step(*asked)
        elif report.verdict == "abort":
            self._control.stop(*asked)

    def _look(self, definition: Definition, aliases: Aliases, traffic: Traffic, moment: datetime) -> ExperimentReport:
        moment = moment.astimezone(UTC)  # the log's days are those of UTC
        trial = self._read(definition, aliases, traffic, moment)
        losses = _losses(definition, trial.known)
        judged: dict[str, Any] = {
            "difference": _difference(traffic, trial, losses),
            "sample_ratio": _sample_ratio(traffic, trial),
            "guardrails": _guardrails(definition, traffic, trial.present),
        }
        rows = trial.present.get(CHALLENGER, Counts()).rows
        verdict, reasons = decide_experiment(traffic, at=moment, rows=rows, **judged)
        if not trial.knows_units:
            reasons = (*reasons, _UNITS_UNKNOWN.format(definition.data.entity))
        versions = {CHAMPION: aliases.champion, CHALLENGER: traffic.challenger}
        return ExperimentReport.model_validate(
            {
                "model": definition.name,
                "salt": traffic.salt,
                "mode": traffic.mode,
                "champion": aliases.champion,
                "challenger": traffic.challenger,
                "share": traffic.share,
                "started_at": traffic.started_at,
                "ends_at": traffic.ends_at,
                "judged_at": moment,
                "loss": loss_of(definition).name,
                "variants": [_variant(trial, losses, each, version) for each, version in versions.items()],
                **judged,
                "verdict": verdict,
                "reasons": reasons,
                "decides": traffic.decides,
            }
        )

    def _read(self, definition: Definition, aliases: Aliases, traffic: Traffic, moment: datetime) -> Trial:
        model, salt = definition.name, traffic.salt
        earlier = {each.traffic.step_since for each in aliases.history if each.traffic and each.traffic.salt == salt}
        with tempfile.TemporaryDirectory() as name:
            gather = partial(self._digests.gather, folder=Path(name))
            return read_trial(
                definition,
                traffic,
                gather(
                    f"work/{model}/{salt}/digests/answers/",
                    self._log.keys_since(model, traffic.started_at),
                    answer_columns(definition),
                ),
                lambda first: gather(
                    f"work/{model}/{salt}/digests/outcomes/", self._log.keys("outcomes", model, first), OUTCOME_COLUMNS
                ),
                folder=Path(name),
                shares_since=sorted(earlier | {traffic.started_at, traffic.step_since}),
                until=moment,
            )


def _losses(definition: Definition, known: KnownRows) -> Floats:
    """Of the known rows [n], at most `_LARGEST`; NaN where an answer has none."""
    if not len(known.actual):
        return np.empty(0)
    with np.errstate(over="ignore"):
        losses = loss_of(definition).of_rows(definition, known.actual, known.score, known.label)
    return np.clip(losses, 0, _LARGEST)


def _difference(traffic: Traffic, trial: Trial, losses: Floats) -> LossDifference | None:
    known = trial.known
    if not trial.knows_units:
        return None
    found: Difference | None
    if traffic.mode == "shadow":
        excess = losses[known.challenger] - losses[~known.challenger]
        told = np.isfinite(excess)
        found = mean_of_pairs(excess[told], known.unit[known.challenger][told])
    else:
        told = np.isfinite(losses)
        found = difference_of_means(losses[told], known.challenger[told], known.unit[told], known.step[told])
    return LossDifference(**found._asdict()) if found else None


def _sample_ratio(traffic: Traffic, trial: Trial) -> SampleRatio | None:
    """Of a shadow there is none: it takes no row from the champion."""
    if traffic.mode == "shadow" or not trial.knows_units:
        return None
    units = {variant: counts.units for variant, counts in trial.present.items()}
    champion, challenger = units.get(CHAMPION, 0), units.get(CHALLENGER, 0)
    p_value = sample_ratio.p_value(champion, challenger, traffic.share)
    return SampleRatio(
        share=traffic.share,
        champion=champion,
        challenger=challenger,
        p_value=p_value,
        mismatch=p_value < sample_ratio.ALPHA,
    )


def _guardrails(definition: Definition, traffic: Traffic, present: ByVariant) -> tuple[GuardrailReport, ...]:
    champion, challenger = present.get(CHAMPION, Counts()), present.get(CHALLENGER, Counts())
    limits = traffic.guardrails
    excess = ratio = None
    is_slow = False
    if challenger.rows >= limits.minimum_rows:
        excess = challenger.fallback_share - champion.fallback_share
        if champion.latency_ms and challenger.latency_ms:
            ratio = challenger.latency_ms / champion.latency_ms
            is_slow = challenger.latency_ms >= _NEVER_SLOW * definition.serving.latency_slo_ms
    return (
        GuardrailReport(
            name="fallback share beyond the champion's",
            value=excess,
            limit=limits.maximum_fallback_share,
            broken=excess is not None and excess > max(limits.maximum_fallback_share, _by_chance(champion, challenger)),
        ),
        GuardrailReport(
            name="median latency over the champion's",
            value=ratio,
            limit=limits.maximum_latency_ratio,
            broken=ratio is not None and is_slow and ratio > limits.maximum_latency_ratio,
        ),
    )


def _by_chance(champion: Counts, challenger: Counts) -> float:
    """Two standard errors of the difference of their fallback shares, were both to fail alike."""
    counts = [each for each in (champion, challenger) if each.rows]
    alike = sum(each.rows * each.fallback_share for each in counts) / sum(each.rows for each in counts)
    return 2 * math.sqrt(alike * (1 - alike) * sum(1 / each.rows for each in counts))


def _variant(trial: Trial, losses: Floats, challenger: bool, version: int | None) -> dict[str, Any]:
    counts = trial.whole.get(challenger, Counts())
    own = losses[trial.known.challenger == challenger]
    own = own[np.isfinite(own)]
    return {
        "variant": "challenger" if challenger else "champion",
        "version": version,
        "units": counts.units,
        "rows": counts.rows,
        "outcomes": len(own),
        "answered_by": {name: number / counts.rows for name, number in sorted(counts.answered_by.items())},
        "fallback_share": counts.fallback_share,
        "latency_ms": counts.latency_ms,
        "loss": float(own.mean()) if len(own) else None,
    }
