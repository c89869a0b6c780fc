"""What a candidate must pass to become a version: one function per gate, one table."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from everloop.contracts.definition import Definition
from everloop.contracts.registry import Gate
from everloop.contracts.tasks import LOWER_IS_BETTER
from everloop.metrics import Interval
from everloop.training.baselines import Baseline
from everloop.training.candidate import PARITY_TOLERANCE
from everloop.training.statistics.indifference import TOLERANCE as INDIFFERENCE_TOLERANCE
from everloop.training.statistics.monotone import TOLERANCE as MONOTONE_TOLERANCE


@dataclass(frozen=True)
class Evidence:
    definition: Definition
    candidate: dict[str, float]
    """Metrics on the holdout."""
    baseline: Baseline
    """The best naive prediction."""
    over_champion: Interval | None
    """Paired difference of the definition's metric to the champion's on the same rows; None without a champion."""
    champion_note: str
    parity_difference: float
    parity_rows: int
    latency_ms: float
    size_mb: float
    """Of the shipped model, in millions of bytes."""
    statistics: Mapping[str, Any]
    """What `measure` found on the holdout."""
    imported: Mapping[str, Any] = field(default_factory=dict)
    """Of a model that was trained elsewhere; empty for one fitted here."""
    is_champion_imported: bool = False
    """Trained elsewhere, nobody knows on what."""


def minimum_metrics(evidence: Evidence) -> Gate:
    short = []
    for name, bound in evidence.definition.promotion.minimum.items():
        value = evidence.candidate[name]
        if not (value <= bound if name in LOWER_IS_BETTER else value >= bound):
            short.append(f"{name} {value:.4f}, required {bound:g}")
    return Gate(name="minimum", passed=not short, detail="; ".join(short) or "every required metric is reached")


def beats_baseline(evidence: Evidence) -> Gate:
    name = evidence.definition.metric
    value, naive = evidence.candidate[name], evidence.baseline.metrics[name]
    better = value < naive if name in LOWER_IS_BETTER else value > naive
    detail = f"{name} {value:.4f}, the naive prediction ({evidence.baseline.name}) has {naive:.4f}"
    return Gate(name="baseline", passed=better, detail=detail)


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
    if gain.value == gain.low == gain.high == 0:
        detail += ": it answers as the champion does, being the same model or made of the same data"
    if evidence.is_champion_imported:
        detail += "; the champion was trained elsewhere, and whether on these very rows is unknown"
    return Gate(name="champion", passed=passed, detail=detail)


def parity(evidence: Evidence) -> Gate:
    detail = f"largest difference {evidence.parity_difference:.2e} over {evidence.parity_rows} rows"
    return Gate(
        name="parity",
        passed=evidence.parity_difference <= PARITY_TOLERANCE,
        detail=f"{detail}, tolerance {PARITY_TOLERANCE:g}{_compared(evidence.imported)}",
    )


def _compared(imported: Mapping[str, Any]) -> str:
    """What an imported model was compared with, beside its own file."""
    if not imported:
        return ""
    if imported["reference"]:
        return f"; {imported['reference_rows']} of them with the predictions in `{imported['reference']['file']}`"
    return "; compared with its file alone, since no predictions of the original were given"


def latency(evidence: Evidence) -> Gate:
    bound = evidence.definition.promotion.max_latency_ms
    passed = bound is None or evidence.latency_ms <= bound
    allowed = "no bound declared" if bound is None else f"allowed {bound:g}"
    return Gate(name="latency", passed=passed, detail=f"{evidence.latency_ms:.3f} ms for one row, {allowed}")


def size(evidence: Evidence) -> Gate:
    bound = evidence.definition.promotion.max_size_mb
    passed = bound is None or evidence.size_mb <= bound
    allowed = "no bound declared" if bound is None else f"allowed {bound:g}"
    return Gate(name="size", passed=passed, detail=f"{evidence.size_mb:.3f} MB, {allowed}")


def worst_slice(evidence: Evidence) -> Gate:
    """Refuses a slice that is beyond the bound with its whole interval: of many small ones some always look bad."""
    slices = evidence.statistics["slices"]
    name, bound = slices["metric"], evidence.definition.promotion.worst_slice
    if not slices["parts"]:
        why = f"no part of the holdout has {slices['minimum_rows']} rows to be judged on"
        return Gate(name="worst slice", passed=bound is None, detail=why)
    worst = slices["parts"][0]
    reached = bound is None or (worst["low"] <= bound if name in LOWER_IS_BETTER else worst["high"] >= bound)
    required = "no bound declared" if bound is None else f"required {bound:g}"
    found = f"{name} {worst['value']:.4f} (95 %: {worst['low']:.4f} to {worst['high']:.4f})"
    where = f"{worst['rows']} rows with {worst['column']} {worst['part']}"
    return Gate(name="worst slice", passed=reached, detail=f"{found} in {where}, {required}")


def monotone(evidence: Evidence) -> Gate:
    found = evidence.statistics["monotone"]
    broken = [each for each in found if not each["largest_step_back"] <= MONOTONE_TOLERANCE]
    told = [
        f"{each['column']} is not {each['direction']}: a step back of {each['largest_step_back']:.2g}, and one in"
        f" {each['share_of_rows']:.1%} of {each['rows']} rows, tolerance {MONOTONE_TOLERANCE:g}"
        for each in broken
    ]
    kept = (
        ", ".join(f"{each['column']} {each['direction']}" for each in found) + ", as declared"
        if found
        else "no column is declared monotone"
    )
    return Gate(name="monotone", passed=not broken, detail="; ".join(told) or kept)


def indifference(evidence: Evidence) -> Gate:
    found = evidence.statistics["indifference"]
    strangers, difference = found["columns_no_request_carries"], found["largest_difference"]
    if strangers:
        taken = f"it takes {', '.join(strangers)}, which no request carries"
        return Gate(name="indifference", passed=False, detail=taken)
    return Gate(
        name="indifference",
        passed=difference <= INDIFFERENCE_TOLERANCE,
        detail=f"other rows and columns change an answer by {difference:.2e}, tolerance {INDIFFERENCE_TOLERANCE:g}",
    )


GATES: tuple[Callable[[Evidence], Gate], ...] = (
    parity,
    indifference,
    monotone,
    minimum_metrics,
    worst_slice,
    beats_baseline,
    beats_champion,
    latency,
    size,
)
