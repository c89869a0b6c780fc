"""How far values lie from their predictions, along the predictions."""

from typing import Any

import numpy as np

from everloop.training.statistics.judged import Judged

BINS = 20
_QUANTILES = (0.1, 0.5, 0.9)


def residuals(judged: Judged) -> list[dict[str, Any]] | None:
    """Actual minus predicted: its 10 %, 50 % and 90 % quantile in equally filled bins; None for a classification."""
    if not judged.dataset.task.answers_value:
        return None
    difference = judged.target - judged.score
    bins = []
    for rows in np.array_split(np.argsort(judged.score, kind="stable"), BINS):
        if len(rows):
            low, median, high = map(float, np.quantile(difference[rows], _QUANTILES))
            predicted = float(judged.score[rows].mean())
            bins.append({"rows": len(rows), "predicted": predicted, "low": low, "median": median, "high": high})
    return bins
