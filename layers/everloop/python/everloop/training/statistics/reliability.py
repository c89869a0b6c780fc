"""Do things happen as often as the model says? Reliability bins and the expected calibration error."""

from typing import Any

import numpy as np

from everloop.contracts.definition import Task
from everloop.training.statistics.judged import Judged

BINS = 10


def reliability(judged: Judged) -> dict[str, Any] | None:
    """Bins of equally many rows by their probability; None for what answers no probability of one class.

    The expected calibration error is the mean distance of the promised from the observed share, over rows (Naeini,
    Cooper and Hauskrecht, AAAI 2015); equally filled bins are those of Nguyen and O'Connor, EMNLP 2015.
    """
    if judged.dataset.task is not Task.BINARY:
        return None
    order = np.argsort(judged.score, kind="stable")
    bins = []
    for rows in np.array_split(order, BINS):
        if len(rows):
            predicted, observed = float(judged.score[rows].mean()), float(judged.target[rows].mean())
            bins.append({"rows": len(rows), "predicted": predicted, "observed": observed})
    error = sum(each["rows"] * abs(each["predicted"] - each["observed"]) for each in bins) / len(order)
    return {"expected_calibration_error": float(error), "bins": bins}
