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
    return float(log_losses(actual, score).mean())


def log_losses(actual: Floats, score: Floats) -> Floats:
    """Of each row."""
    clipped = np.clip(of_classes(score), _SMALLEST, 1 - _SMALLEST)
    clipped = clipped / clipped.sum(axis=1, keepdims=True)
    losses: Floats = -np.log(clipped[np.arange(len(actual)), actual.astype(int)])
    return losses


def accuracy(actual: Floats, score: Floats) -> float:
    """Share of right labels: the likelier class, or a probability of at least 0.5."""
    return float(hits(actual, score).mean())


def hits(actual: Floats, score: Floats) -> Floats:
    """1 for each row whose label is right."""
    right: Floats = (likeliest(score) == actual.astype(int)).astype(np.float64)
    return right


def f1_macro(actual: Floats, score: Floats) -> float:
    """Mean over classes of the harmonic mean of precision and recall, of those that some row is or is labelled."""
    return _weighted_f1_macro(actual, score)(np.ones(len(actual)))


def roc_auc_ovr(actual: Floats, score: Floats) -> float:
    """Mean over classes of the area under the ROC curve of one against the rest, of those with rows on both sides."""
    return _mean_of_known([roc_auc(one, own) for one, own in _one_against_rest(actual, score)])


def of_classes(score: Floats) -> Floats:
    """Probabilities [n, classes] of binary scores, too."""
    return score if score.ndim == 2 else np.column_stack([1 - score, score])


def likeliest(score: Floats) -> npt.NDArray[np.int64]:
    """The class of each row's label."""
    return score.argmax(axis=1) if score.ndim == 2 else (score >= 0.5).astype(np.int64)


def _one_against_rest(actual: Floats, score: Floats) -> list[tuple[Floats, Floats]]:
    return [((actual == label).astype(np.float64), own) for label, own in enumerate(of_classes(score).T)]


def _mean_of_known(values: list[float]) -> float:
    known = [value for value in values if np.isfinite(value)]
    return float(np.mean(known)) if known else float("nan")


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


# Of recommendations: `taken` [n] is how many different items each user took, `relevance` [n, k] is 1 for each
# recommended item that is among them, the best place first


def hit_rate(taken: Floats, relevance: Floats) -> float:
    """Share of users who took at least one recommended item."""
    return float(hit_users(taken, relevance).mean())


def hit_users(taken: Floats, relevance: Floats) -> Floats:
    """1 for each user who took a recommended item."""
    return np.asarray(relevance.any(axis=1), dtype=np.float64)


def ndcg(taken: Floats, relevance: Floats) -> float:
    """Mean normalised discounted cumulative gain of binary relevance (Järvelin and Kekäläinen, TOIS 2002)."""
    return float(gains(taken, relevance).mean())


def gains(taken: Floats, relevance: Floats) -> Floats:
    """Discounted cumulative gain of each user, relative to that of the best order."""
    discounts = 1 / np.log2(np.arange(relevance.shape[1]) + 2)
    best = np.cumsum(discounts)[np.minimum(taken, relevance.shape[1]).astype(int) - 1]
    return np.asarray((relevance * discounts).sum(axis=1) / best)


def recall(taken: Floats, relevance: Floats) -> float:
    """Mean share of the items a user took that were recommended, of k where it is more."""
    return float(recalls(taken, relevance).mean())


def recalls(taken: Floats, relevance: Floats) -> Floats:
    """Of each user."""
    return np.asarray(relevance.sum(axis=1) / np.minimum(taken, relevance.shape[1]))


Metric = Callable[[npt.NDArray[Any], npt.NDArray[Any]], float]

METRICS: dict[str, Metric] = {
    "roc_auc": roc_auc,
    "log_loss": log_loss,
    "accuracy": accuracy,
    "f1_macro": f1_macro,
    "roc_auc_ovr": roc_auc_ovr,
    "r2": r2,
    "mae": mae,
    "rmse": rmse,
    "hit_rate": hit_rate,
    "ndcg": ndcg,
    "recall": recall,
}


# The same metrics of weighted rows: a resample is the same rows with other weights, so they are sorted only once

Weighted = Callable[[Floats], float]
"""Weights [n], such as how often each row was drawn → the metric of those rows.

NOTE: no `@` here: BLAS threads that wait for one another take a hundred times longer on a busy machine.
"""


def _weighted_roc_auc(actual: Floats, score: Floats) -> Weighted:
    order = np.argsort(score, kind="stable")
    _, starts = np.unique(score[order], return_index=True)
    positive = actual[order] > 0.5

    def of(weights: Floats) -> float:
        drawn = weights[order]
        positives = np.add.reduceat(drawn * positive, starts)
        negatives = np.add.reduceat(drawn * ~positive, starts)
        pairs = positives.sum() * negatives.sum()
        below = np.cumsum(negatives) - negatives / 2
        return float((positives * below).sum() / pairs) if pairs else float("nan")

    return of


def _weighted_roc_auc_ovr(actual: Floats, score: Floats) -> Weighted:
    each = [_weighted_roc_auc(one, own) for one, own in _one_against_rest(actual, score)]
    return lambda weights: _mean_of_known([of(weights) for of in each])


def _weighted_f1_macro(actual: Floats, score: Floats) -> Weighted:
    label, given = actual.astype(int), likeliest(score)
    classes = of_classes(score).shape[1]
    right = label == given

    def of(weights: Floats) -> float:
        hit = np.bincount(label[right], weights[right], minlength=classes)
        both = np.bincount(label, weights, minlength=classes) + np.bincount(given, weights, minlength=classes)
        return float((2 * hit[both > 0] / both[both > 0]).mean())

    return of


def _weighted_r2(actual: Floats, value: Floats) -> Weighted:
    squares = (actual - value) ** 2

    def of(weights: Floats) -> float:
        total = float((weights * (actual - np.average(actual, weights=weights)) ** 2).sum())
        return 1 - float((weights * squares).sum()) / total if total else float("nan")

    return of


def _weighted_rmse(actual: Floats, value: Floats) -> Weighted:
    squares = (actual - value) ** 2
    return lambda weights: float(np.sqrt(np.average(squares, weights=weights)))


def _weighted_mean(rows: Callable[[Floats, Floats], Floats]) -> Callable[[Floats, Floats], Weighted]:
    def weighted(actual: Floats, score: Floats) -> Weighted:
        values = rows(actual, score)
        return lambda weights: float(np.average(values, weights=weights))

    return weighted


WEIGHTED_METRICS: dict[str, Callable[[Floats, Floats], Weighted]] = {
    "roc_auc": _weighted_roc_auc,
    "log_loss": _weighted_mean(log_losses),
    "accuracy": _weighted_mean(hits),
    "f1_macro": _weighted_f1_macro,
    "roc_auc_ovr": _weighted_roc_auc_ovr,
    "r2": _weighted_r2,
    "mae": _weighted_mean(lambda actual, value: np.abs(actual - value)),
    "rmse": _weighted_rmse,
    "hit_rate": _weighted_mean(hit_users),
    "ndcg": _weighted_mean(gains),
    "recall": _weighted_mean(recalls),
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
    weighted = WEIGHTED_METRICS[name](actual, score)
    return _interval(METRICS[name](actual, score), [weighted(drawn) for drawn in _resamples(len(actual), seed)])


def bootstrap_difference(name: str, actual: Floats, score: Floats, other: Floats, *, seed: int) -> Interval:
    """Metric of `score` minus metric of `other` on the same rows, by the paired bootstrap."""
    metric, weighted = METRICS[name], WEIGHTED_METRICS[name]
    ours, theirs = weighted(actual, score), weighted(actual, other)
    resampled = [ours(drawn) - theirs(drawn) for drawn in _resamples(len(actual), seed)]
    return _interval(metric(actual, score) - metric(actual, other), resampled)


def _interval(value: float, resampled: list[float]) -> Interval:
    low, high = np.nanquantile(resampled, _QUANTILES) if np.isfinite(resampled).any() else (np.nan, np.nan)
    return Interval(value, float(low), float(high))


def _resamples(count: int, seed: int) -> Iterator[Floats]:
    """How often each row was drawn."""
    rng = np.random.default_rng(seed)
    for _ in range(RESAMPLES):
        yield np.bincount(rng.integers(count, size=count), minlength=count).astype(np.float64)
