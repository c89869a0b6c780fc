"""What the labels of a binary model get right and wrong at its threshold, and what that costs."""

from typing import Any

from everloop.contracts.tasks import Task
from everloop.metrics import Floats
from everloop.training.statistics.judged import Judged

HALF = 0.5


def decisions(judged: Judged) -> dict[str, Any] | None:
    """Counts, precision and recall; with declared costs their mean for a row, beside that of a threshold of a half."""
    if judged.dataset.task is not Task.BINARY:
        return None
    threshold = judged.scorer.threshold
    right, wrong, missed = _counts(judged.target, judged.score, threshold)
    costs = judged.definition.serving.costs
    return {
        "threshold": threshold,
        "true_positives": right,
        "false_positives": wrong,
        "false_negatives": missed,
        "true_negatives": len(judged.target) - right - wrong - missed,
        "precision": right / (right + wrong) if right + wrong else None,
        "recall": right / (right + missed) if right + missed else None,
        "cost_per_row": costs and _cost(judged, threshold),
        "cost_per_row_at_half": costs and _cost(judged, HALF),
    }


def _counts(target: Floats, score: Floats, threshold: float) -> tuple[int, int, int]:
    """True positives, false positives, false negatives."""
    positive, labelled = target > HALF, score >= threshold
    right, wrong, missed = labelled & positive, labelled & ~positive, ~labelled & positive
    return int(right.sum()), int(wrong.sum()), int(missed.sum())


def _cost(judged: Judged, threshold: float) -> float:
    costs = judged.definition.serving.costs
    assert costs is not None
    _, wrong, missed = _counts(judged.target, judged.score, threshold)
    return (costs.false_positive * wrong + costs.false_negative * missed) / len(judged.target)
