"""Metrics of predictions against outcomes, in numpy alone, for training and monitoring alike."""

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
_SMALLEST = float(np.finfo(np.float64).eps)
"""Probabilities are clipped here before a logarithm, as scikit-learn does for float64."""


def roc_auc(actual: Floats, score: Floats) -> float:
    """Area under the ROC curve by mid-ranks (Mann and Whitney 1947); NaN when only one class is there."""
    positives = actual > 0.5
    n_positive = int(positives.sum())
    n_negative = len(actual) - n_positive
    if not n_positive or not n_negative:
        return float("nan")
    _, inverse, counts = np.unique(score, return_inverse=True, return_counts=True)
    mid_ranks = np.cumsum(counts) - (counts - 1) / 2
    rank_sum = float(mid_ranks[inverse][positives].sum())
    return (rank_sum - n_positive * (n_positive + 1) / 2) / (n_positive * n_negative)


def log_loss(actual: Floats, score: Floats) -> float:
    """Mean negative log-likelihood in nats; `score` is [n] (binary) or [n, classes] with `actual` as class index."""
    if score.ndim == 1:
        score = np.column_stack([1 - score, score])
    clipped = np.clip(score, _SMALLEST, 1 - _SMALLEST)
    clipped = clipped / clipped.sum(axis=1, keepdims=True)
    return float(-np.log(clipped[np.arange(len(actual)), actual.astype(int)]).mean())


def accuracy(actual: Floats, score: Floats) -> float:
    """Share of right labels: the likelier class, or a probability of at least 0.5."""
    label = score.argmax(axis=1) if score.ndim == 2 else (score >= 0.5).astype(int)
    return float((label == actual.astype(int)).mean())


def r2(actual: Floats, value: Floats) -> float:
    """Coefficient of determination; NaN for a constant actual."""
    total = float(((actual - actual.mean()) ** 2).sum())
    return 1 - float(((actual - value) ** 2).sum()) / total if total else float("nan")


def mae(actual: Floats, value: Floats) -> float:
    """Mean absolute error."""
    return float(np.abs(actual - value).mean())


def rmse(actual: Floats, value: Floats) -> float:
    """Root of the mean squared error."""
    return float(np.sqrt(((actual - value) ** 2).mean()))


Metric = Callable[[npt.NDArray[Any], npt.NDArray[Any]], float]

METRICS: dict[str, Metric] = {
    "roc_auc": roc_auc,
    "log_loss": log_loss,
    "accuracy": accuracy,
    "r2": r2,
    "mae": mae,
    "rmse": rmse,
}


RESAMPLES = 200
_QUANTILES = (0.025, 0.975)


class Interval(NamedTuple):
    """An estimate with its 95 % interval."""

    value: float
    low: float
    high: float


def bootstrap_interval(name: str, actual: Floats, score: Floats, *, seed: int) -> Interval:
    """The metric with its 95 % percentile bootstrap interval (Efron 1979) over rows."""
    metric = METRICS[name]
    resampled = [metric(actual[rows], score[rows]) for rows in _resamples(len(actual), seed)]
    low, high = np.nanquantile(resampled, _QUANTILES) if np.isfinite(resampled).any() else (np.nan, np.nan)
    return Interval(metric(actual, score), float(low), float(high))


def bootstrap_difference(name: str, actual: Floats, score: Floats, other: Floats, *, seed: int) -> Interval:
    """Metric of `score` minus metric of `other` on the same rows, by the paired bootstrap."""
    metric = METRICS[name]
    resampled = [
        metric(actual[rows], score[rows]) - metric(actual[rows], other[rows]) for rows in _resamples(len(actual), seed)
    ]
    low, high = np.nanquantile(resampled, _QUANTILES) if np.isfinite(resampled).any() else (np.nan, np.nan)
    return Interval(metric(actual, score) - metric(actual, other), float(low), float(high))


def _resamples(count: int, seed: int) -> Iterator[npt.NDArray[np.int64]]:
    rng = np.random.default_rng(seed)
    for _ in range(RESAMPLES):
        yield rng.integers(count, size=count)
