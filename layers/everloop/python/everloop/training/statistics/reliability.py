"""Do things happen as often as the model says? Reliability bins and the expected calibration error."""

from typing import Any

import numpy as np

from everloop.contracts.tasks import Task
from everloop.metrics import hits
from everloop.training.statistics.judged import Judged

BINS = 10


def reliability(judged: Judged) -> dict[str, Any] | None:
    """Bins of equally many rows by the probability of the positive class, or of the label of a multiclass model.

    None for what answers no probability. The expected calibration error is the mean distance of the promised from the
    observed share, over rows (Naeini, Cooper and Hauskrecht, AAAI 2015; of the label: Guo et al., ICML 2017); equally
    filled bins are those of Nguyen and O'Connor, EMNLP 2015.
    """
    if judged.dataset.task is Task.BINARY:
        of, promised, happened = "positive", judged.score, judged.target
    elif judged.dataset.task is Task.MULTICLASS:
        of, promised, happened = "label", judged.score.max(axis=1), hits(judged.target, judged.score)
    else:
        return None
    order = np.argsort(promised, kind="stable")
    bins = []
    for rows in np.array_split(order, BINS):
        if len(rows):
            predicted, observed = float(promised[rows].mean()), float(happened[rows].mean())
            bins.append({"rows": len(rows), "predicted": predicted, "observed": observed})
    error = sum(each["rows"] * abs(each["predicted"] - each["observed"]) for each in bins) / len(order)
    return {"of": of, "expected_calibration_error": float(error), "bins": bins}
