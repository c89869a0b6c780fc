"""Naive predictions of the holdout: what a model must beat to be worth anything."""

from typing import NamedTuple

import numpy as np

from everloop.contracts.definition import Definition
from everloop.contracts.tasks import LOWER_IS_BETTER, Task
from everloop.contracts.tasks import METRICS as METRICS_OF_TASK
from everloop.metrics import METRICS, Floats
from everloop.training.prepared import PreparedDataset
from everloop.training.recommender import fit_popularity


class Baseline(NamedTuple):
    name: str
    score: Floats
    """Of each row of the holdout, as a model would give it."""
    metrics: dict[str, float]


def baselines(dataset: PreparedDataset, definition: Definition) -> list[Baseline]:
    """Every naive prediction of the task, the best by the definition's metric first."""
    if dataset.recommendation:
        target, score = fit_popularity(dataset, dataset.train_rows).judge(dataset, slice(dataset.train_rows.stop, None))
        scores = {"popularity": score}
    else:
        _, target = dataset.holdout
        scores = _scores(dataset, definition)
    found = [
        Baseline(name, score, {metric: METRICS[metric](target, score) for metric in METRICS_OF_TASK[dataset.task]})
        for name, score in scores.items()
    ]
    sign = 1 if definition.metric in LOWER_IS_BETTER else -1
    return sorted(found, key=lambda each: sign * each.metrics[definition.metric])


def _scores(dataset: PreparedDataset, definition: Definition) -> dict[str, Floats]:
    """The same for every row: the training rows' mean, share of positives or class shares. Of a forecast also the
    newest value known and that of each season, or the mean where it is null.
    """
    _, target = dataset.train
    if dataset.task is Task.MULTICLASS:
        shares = np.bincount(target.astype(int), minlength=len(dataset.classes)) / len(target)
        return {"prior": np.tile(shares, (dataset.holdout_rows, 1))}
    mean = target.mean()
    lags = definition.forecast.naive if definition.forecast else ()
    found = {"mean" if dataset.task.answers_value else "prior": np.full(dataset.holdout_rows, mean)}
    return found | {name: np.nan_to_num(dataset.holdout_raw[name][:, 0], nan=mean) for name in lags}
