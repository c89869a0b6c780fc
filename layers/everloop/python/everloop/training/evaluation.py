"""Judge a candidate on rows it never saw, beside the naive baseline and the champion."""

import time
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from everloop.contracts.definition import METRICS as METRICS_OF_TASK
from everloop.contracts.definition import Definition, Task
from everloop.contracts.registry import Gate
from everloop.errors import IntegrityError, ModelUnavailableError
from everloop.metrics import METRICS, Interval, bootstrap_difference, bootstrap_interval
from everloop.scorer import Columns, Scorer
from everloop.stores.registry import ModelRegistry
from everloop.training.candidate import Candidate
from everloop.training.gates import GATES, Evidence
from everloop.training.prepared import PreparedDataset

_LATENCY_RUNS = 50

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Champion:
    version: int
    model: bytes


@dataclass(frozen=True)
class Evaluation:
    metrics: dict[str, Any]
    """What metrics.json holds."""
    gates: tuple[Gate, ...]

    @property
    def passed(self) -> bool:
        return all(gate.passed for gate in self.gates)


def find_champion(registry: ModelRegistry, model: str) -> Champion | None:
    """The present champion; None when there is none, or when its bytes are damaged: then anything sound is better."""
    version = registry.aliases(model).champion
    if version is None:
        return None
    try:
        return Champion(version, registry.read(model, version, "model.onnx"))
    except IntegrityError:
        return None


def evaluate(
    fitted: Candidate, dataset: PreparedDataset, definition: Definition, champion: Champion | None
) -> Evaluation:
    _, target = dataset.holdout
    scorer = Scorer(fitted.model)
    score = scorer.score(dataset.holdout_raw)
    names = METRICS_OF_TASK[dataset.task]
    candidate = {name: METRICS[name](target, score) for name in names}
    baseline = {name: METRICS[name](target, _naive(dataset, len(target))) for name in names}
    seed = definition.training.seed
    intervals = {name: bootstrap_interval(name, target, score, seed=seed) for name in names}
    over_champion, champion_metrics, note = _against(champion, dataset, definition, target, score)
    evidence = Evidence(
        definition=definition,
        candidate=candidate,
        baseline=baseline,
        over_champion=over_champion,
        champion_note=note,
        parity_difference=fitted.parity_difference,
        parity_rows=fitted.parity_rows,
        latency_ms=_latency_ms(scorer, dataset.holdout_raw),
    )
    gates = tuple(gate(evidence) for gate in GATES)
    metrics = {
        "candidate": candidate,
        "baseline": baseline,
        "champion": champion_metrics,
        "metric": definition.metric,
        "intervals": {name: {"low": interval.low, "high": interval.high} for name, interval in intervals.items()},
        "latency_ms": round(evidence.latency_ms, 4),
        "train_rows": len(dataset.target) - dataset.holdout_rows,
        "holdout_rows": dataset.holdout_rows,
        "gates": [gate.model_dump() for gate in gates],
    }
    return Evaluation(metrics, gates)


def _against(
    champion: Champion | None, dataset: PreparedDataset, definition: Definition, target: Floats, score: Floats
) -> tuple[Interval | None, dict[str, Any] | None, str]:
    if champion is None:
        return None, None, "there is no champion yet"
    try:
        other = Scorer(champion.model).score(dataset.holdout_raw)
    except ModelUnavailableError as error:
        # A champion that cannot even read today's columns must not block its successor.
        return None, None, f"champion {champion.version} cannot answer these rows: {error}"
    gain = bootstrap_difference(definition.metric, target, score, other, seed=definition.training.seed)
    metrics = {name: METRICS[name](target, other) for name in METRICS_OF_TASK[dataset.task]}
    return gain, {"version": champion.version, **metrics}, ""


def _naive(dataset: PreparedDataset, count: int) -> Floats:
    """The training rows' mean (regression), share of positives (binary) or class shares (multiclass) for every row."""
    _, target = dataset.train
    if dataset.task is Task.MULTICLASS:
        shares = np.bincount(target.astype(int), minlength=len(dataset.classes)) / len(target)
        return np.tile(shares, (count, 1))
    return np.full(count, target.mean())


def _latency_ms(scorer: Scorer, raw: Columns) -> float:
    """Median time of one row, in this process."""
    row = {name: values[:1] for name, values in raw.items()}
    times = []
    for _ in range(_LATENCY_RUNS):
        started = time.perf_counter()
        scorer.score(row)
        times.append(time.perf_counter() - started)
    return float(np.median(times)) * 1000
