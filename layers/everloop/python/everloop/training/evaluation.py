"""Judge a candidate on rows it never saw, beside the naive baseline and the champion."""

import json
import time
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import numpy as np
import numpy.typing as npt

from everloop.columns import Columns
from everloop.contracts.definition import Definition
from everloop.contracts.registry import Gate
from everloop.contracts.tasks import METRICS as METRICS_OF_TASK
from everloop.contracts.tasks import Task
from everloop.errors import ModelUnavailableError, NotFoundError
from everloop.metrics import METRICS, Interval, bootstrap_difference, bootstrap_interval
from everloop.scorer import Scorer
from everloop.stores.registry import ModelRegistry
from everloop.training.baselines import baselines
from everloop.training.candidate import Candidate
from everloop.training.gates import GATES, Evidence
from everloop.training.judging import judge
from everloop.training.prepared import PreparedDataset
from everloop.training.statistics import measure
from everloop.training.statistics.judged import Judged

_LATENCY_RUNS = 50
MINIMUM_COMPARED_ROWS = 100
"""Fewer rows give a bootstrap interval that means nothing."""


@dataclass(frozen=True)
class Champion:
    version: int
    model: bytes
    judged: bytes
    lineage: dict[str, Any]


@dataclass(frozen=True)
class Evaluation:
    metrics: dict[str, Any]
    """What metrics.json holds."""
    gates: tuple[Gate, ...]

    @property
    def passed(self) -> bool:
        return all(gate.passed for gate in self.gates)

    def summary(self) -> dict[str, Any]:
        """What the state machine decides and reports by."""
        return {
            "passed": self.passed,
            "against": self.metrics["against"],
            "gates": self.metrics["gates"],
            "metrics": self.metrics["candidate"],
            "metric": self.metrics["metric"],
            "intervals": {
                name: bounds
                for name, bounds in self.metrics["intervals"].items()
                if np.isfinite([*bounds.values()]).all()
            },
            "champion": self.metrics["champion"],
        }

    def to_json(self) -> bytes:
        return json.dumps(self.metrics).encode()

    @classmethod
    def from_json(cls, body: bytes) -> "Evaluation":
        metrics = json.loads(body)
        return cls(metrics, tuple(Gate.model_validate(gate) for gate in metrics["gates"]))


def find_champion(registry: ModelRegistry, model: str, version: int | None) -> Champion | None:
    """The champion's files; None without one, or when they are damaged or gone: then anything sound is better."""
    if version is None:
        return None
    try:
        files = {name: registry.read(model, version, name) for name in ("model.onnx", "judged.onnx", "lineage.json")}
    except (ModelUnavailableError, NotFoundError):
        return None
    return Champion(version, files["model.onnx"], files["judged.onnx"], json.loads(files["lineage.json"]))


def evaluate(
    fitted: Candidate,
    dataset: PreparedDataset,
    definition: Definition,
    champion: Champion | None,
    *,
    against: int | None = None,
) -> Evaluation:
    """`against` is the version that was champion meanwhile, sound or not: only over that one may it be promoted."""
    scorer = Scorer(fitted.judged)
    target, score = judge(scorer, dataset)
    names = METRICS_OF_TASK[dataset.task]
    candidate = {name: METRICS[name](target, score) for name in names}
    naive = baselines(dataset, definition)
    seed = definition.training.seed
    intervals = {name: bootstrap_interval(name, target, score, seed=seed) for name in names}
    statistics = measure(Judged(definition, dataset, scorer, target, score))
    over_champion, champion_metrics, note = _against(champion, dataset, definition, scorer)
    evidence = Evidence(
        definition=definition,
        candidate=candidate,
        baseline=naive[0],
        over_champion=over_champion,
        champion_note=note,
        parity_difference=fitted.parity_difference,
        parity_rows=fitted.parity_rows,
        latency_ms=_latency_ms(scorer, dataset.holdout_raw),
        size_mb=len(fitted.model) / 1e6,
        statistics=statistics,
        imported=fitted.imported,
        is_champion_imported=champion is not None and "imported" in champion.lineage,
    )
    gates = tuple(gate(evidence) for gate in GATES)
    metrics = {
        "candidate": candidate,
        "baseline": naive[0].metrics,
        "baselines": {each.name: each.metrics for each in naive},
        "champion": champion_metrics,
        "against": against,
        "metric": definition.metric,
        "intervals": {name: {"low": interval.low, "high": interval.high} for name, interval in intervals.items()},
        "latency_ms": round(evidence.latency_ms, 4),
        "size_mb": evidence.size_mb,
        "calibration": fitted.calibration or None,
        **statistics,
        "train_rows": len(dataset.target) - dataset.holdout_rows,
        "holdout_rows": dataset.holdout_rows,
        "gates": [gate.model_dump() for gate in gates],
    }
    return Evaluation(metrics, gates)


def _against(
    champion: Champion | None, dataset: PreparedDataset, definition: Definition, candidate: Scorer
) -> tuple[Interval | None, dict[str, Any] | None, str]:
    if champion is None:
        return None, None, "there is no champion yet"
    try:
        _refuse_stranger(Scorer(champion.model), dataset)
    except ModelUnavailableError as error:
        # A champion that cannot even read today's columns must not block its successor.
        return None, None, f"champion {champion.version} cannot answer these rows: {error}"
    model, rows = _fair_comparison(champion, dataset, definition.data.timestamp)
    target, score = judge(candidate, dataset, rows) if len(rows) else (np.empty(0), np.empty(0))
    if len(target) < MINIMUM_COMPARED_ROWS:
        unit = "users" if dataset.task is Task.RECOMMENDATION else "rows"
        note = (
            f"only {len(target)} {unit} of the holdout are new to champion {champion.version}, {MINIMUM_COMPARED_ROWS}"
            " are needed for a fair comparison; upload newer data or set promotion.must_beat_champion = false"
        )
        return Interval(float("nan"), float("nan"), float("nan")), None, note
    try:
        scorer = Scorer(model)
        _, other = judge(scorer, _as_served(scorer, dataset), rows)
    except ModelUnavailableError as error:
        return None, None, f"champion {champion.version} cannot answer these rows: {error}"
    gain = bootstrap_difference(definition.metric, target, score, other, seed=definition.training.seed)
    if not np.isfinite(gain).all():
        return gain, None, f"the {len(target)} rows new to champion {champion.version} have no {definition.metric}"
    metrics = {name: METRICS[name](target, other) for name in METRICS_OF_TASK[dataset.task]}
    return gain, {"version": champion.version, "rows": len(target), **metrics}, ""


def _refuse_stranger(scorer: Scorer, dataset: PreparedDataset) -> None:
    """Raises ModelUnavailableError for a model whose answers mean something else than the candidate's."""
    gone = scorer.inputs.keys() - dataset.holdout_raw.keys()
    if gone:
        raise ModelUnavailableError(f"it takes {', '.join(sorted(gone))}")
    if scorer.task is not dataset.task:
        raise ModelUnavailableError(f"its task is {scorer.task}")
    if scorer.task is Task.BINARY and scorer.classes[1] != dataset.classes[1]:
        raise ModelUnavailableError(f"its positive class is {scorer.classes[1]!r}")


def _as_served(scorer: Scorer, dataset: PreparedDataset) -> PreparedDataset:
    """Null for history that the model learned under another declaration, as answers have it."""
    others = [name for name, digest in scorer.history.items() if dataset.history.get(name) != digest]
    nulls = {name: np.full_like(dataset.holdout_raw[name], np.nan) for name in others}
    return replace(dataset, holdout_raw=dataset.holdout_raw | nulls)


def _fair_comparison(
    champion: Champion, dataset: PreparedDataset, timestamp: str | None
) -> tuple[bytes, npt.NDArray[np.int64]]:
    """Which model of the champion to compare with, on which rows of the holdout: never on rows it was fitted on.

    The very same split is fair to the champion as it was judged; else only rows that are new to the shipped one are.
    Where another column was the timestamp when it was fitted, its window tells nothing of today's rows.
    """
    if champion.lineage["split_id"] == dataset.split_id:
        return champion.judged, np.arange(dataset.holdout_rows)
    known = np.array([batch in champion.lineage["batches"] for batch in dataset.batches])
    seen = known[dataset.holdout_batch]
    if champion.lineage["timestamp"] == timestamp and not np.isnan(dataset.holdout_time).any():
        since, as_of = (_epoch(champion.lineage[name]) for name in ("since", "as_of"))
        seen &= (dataset.holdout_time < as_of) & (np.isnan(since) | (dataset.holdout_time >= since))
    return champion.model, np.flatnonzero(~seen)


def _epoch(moment: str | None) -> float:
    return float("nan") if moment is None else datetime.fromisoformat(moment).timestamp()


def _latency_ms(scorer: Scorer, raw: Columns) -> float:
    """Median time of one row, in this process."""
    row = {name: values[:1] for name, values in raw.items()}
    times = []
    for _ in range(_LATENCY_RUNS):
        started = time.perf_counter()
        scorer.score(row)
        times.append(time.perf_counter() - started)
    return float(np.median(times)) * 1000
