"""What a candidate must pass to become a version: one function per gate, one table."""

from collections.abc import Callable
from dataclasses import dataclass

from everloop.contracts.definition import LOWER_IS_BETTER, Definition
from everloop.contracts.registry import Gate
from everloop.metrics import Interval
from everloop.training.candidate import PARITY_TOLERANCE


@dataclass(frozen=True)
class Evidence:
    definition: Definition
    candidate: dict[str, float]
    """Metrics on the holdout."""
    baseline: dict[str, float]
    """The same of the naive prediction: the training rows' prior or mean."""
    over_champion: Interval | None
    """Paired difference of the definition's metric to the champion's on the same rows; None without a champion."""
    champion_note: str
    parity_difference: float
    parity_rows: int
    latency_ms: float


def minimum_metrics(evidence: Evidence) -> Gate:
    short = []
    for name, bound in evidence.definition.promotion.minimum.items():
        value = evidence.candidate[name]
        if not (value <= bound if name in LOWER_IS_BETTER else value >= bound):
            short.append(f"{name} {value:.4f}, required {bound:g}")
    return Gate(name="minimum", passed=not short, detail="; ".join(short) or "every required metric is reached")


def beats_baseline(evidence: Evidence) -> Gate:
    name = evidence.definition.metric
    value, naive = evidence.candidate[name], evidence.baseline[name]
    better = value < naive if name in LOWER_IS_BETTER else value > naive
    return Gate(name="baseline", passed=better, detail=f"{name} {value:.4f}, the naive prediction has {naive:.4f}")


def beats_champion(evidence: Evidence) -> Gate:
    name = evidence.definition.metric
    if evidence.over_champion is None or not evidence.definition.promotion.must_beat_champion:
        why = evidence.champion_note or "promotion.must_beat_champion is false"
        return Gate(name="champion", passed=True, detail=why)
    if evidence.champion_note:
        return Gate(name="champion", passed=False, detail=evidence.champion_note)
    gain = evidence.over_champion
    passed = gain.high < 0 if name in LOWER_IS_BETTER else gain.low > 0
    detail = f"{name} {gain.value:+.4f} against the champion (95 %: {gain.low:+.4f} to {gain.high:+.4f})"
    return Gate(name="champion", passed=passed, detail=detail)


def parity(evidence: Evidence) -> Gate:
    detail = f"largest difference {evidence.parity_difference:.2e} over {evidence.parity_rows} rows"
    return Gate(
        name="parity",
        passed=evidence.parity_difference <= PARITY_TOLERANCE,
        detail=f"{detail}, tolerance {PARITY_TOLERANCE:g}",
    )


def latency(evidence: Evidence) -> Gate:
    bound = evidence.definition.promotion.max_latency_ms
    passed = bound is None or evidence.latency_ms <= bound
    allowed = "no bound declared" if bound is None else f"allowed {bound:g}"
    return Gate(name="latency", passed=passed, detail=f"{evidence.latency_ms:.3f} ms for one row, {allowed}")


GATES: tuple[Callable[[Evidence], Gate], ...] = (parity, minimum_metrics, beats_baseline, beats_champion, latency)
