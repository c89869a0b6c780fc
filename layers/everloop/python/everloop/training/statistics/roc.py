"""The ROC curve: which share of the positives is found for which share of false alarms."""

import numpy as np

from everloop.contracts.tasks import Task
from everloop.training.statistics.judged import Judged

POINTS = 101
Curve = list[list[float]]


def roc(judged: Judged) -> Curve | None:
    """False positive rate and true positive rate from (0, 0) to (1, 1), thinned out; None without one score to rank."""
    if judged.dataset.task is not Task.BINARY:
        return None
    order = np.argsort(-judged.score, kind="stable")
    positive = judged.target[order] > 0.5
    last_of_ties = np.append(np.flatnonzero(np.diff(judged.score[order])), len(order) - 1)
    found = np.cumsum(positive)[last_of_ties] / positive.sum()
    alarms = np.cumsum(~positive)[last_of_ties] / (~positive).sum()
    points = np.column_stack([np.append(0, alarms), np.append(0, found)])
    kept = np.unique(np.linspace(0, len(points) - 1, POINTS).round().astype(int))
    curve: Curve = points[kept].tolist()
    return curve
