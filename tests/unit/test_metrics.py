"""The metrics agree with scikit-learn's, ties and extremes included."""

import math

import numpy as np
import pytest
from sklearn import metrics as theirs

from everloop import metrics as ours
from everloop.contracts.tasks import LOWER_IS_BETTER, Task
from everloop.contracts.tasks import METRICS as METRICS_OF_TASK

SEEDS = range(5)


def binary(seed: int, rows: int = 500) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    return (rng.random(rows) < 0.3).astype(float), rng.random(rows)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("decimals", [16, 2, 1, 0], ids=lambda digits: f"rounded to {digits}")
def test_roc_auc_is_that_of_scikit_learn_however_many_ties(seed: int, decimals: int) -> None:
    actual, score = binary(seed)
    score = score.round(decimals)
    assert ours.roc_auc(actual, score) == pytest.approx(theirs.roc_auc_score(actual, score), abs=1e-12)


def test_roc_auc_of_one_class_or_constant_scores() -> None:
    assert math.isnan(ours.roc_auc(np.ones(5), np.linspace(0, 1, 5)))
    assert math.isnan(ours.roc_auc(np.zeros(5), np.linspace(0, 1, 5)))
    assert ours.roc_auc(np.array([0.0, 1, 0, 1]), np.full(4, 0.5)) == 0.5


@pytest.mark.parametrize("seed", SEEDS)
def test_binary_log_loss_and_accuracy_are_those_of_scikit_learn(seed: int) -> None:
    actual, score = binary(seed)
    score[:4] = [0, 1, 0.5, 1e-20]
    assert ours.log_loss(actual, score) == pytest.approx(theirs.log_loss(actual, score), rel=1e-9)
    assert ours.accuracy(actual, score) == theirs.accuracy_score(actual, score >= 0.5)


@pytest.mark.parametrize("seed", SEEDS)
def test_multiclass_log_loss_and_accuracy_are_those_of_scikit_learn(seed: int) -> None:
    rng = np.random.default_rng(seed)
    actual = rng.integers(3, size=300).astype(float)
    score = rng.dirichlet([1, 1, 1], size=300)
    score[0] = [0, 0, 1]
    assert ours.log_loss(actual, score) == pytest.approx(theirs.log_loss(actual, score, labels=[0, 1, 2]), rel=1e-9)
    assert ours.accuracy(actual, score) == theirs.accuracy_score(actual, score.argmax(axis=1))


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("classes", [3, 12], ids=lambda count: f"{count} classes")
def test_the_metrics_over_classes_are_those_of_scikit_learn(seed: int, classes: int) -> None:
    rng = np.random.default_rng(seed)
    actual = np.append(np.arange(classes), rng.choice(classes, 400, p=rng.dirichlet(np.ones(classes)))).astype(float)
    score = rng.dirichlet(np.ones(classes), size=len(actual))
    expected = theirs.f1_score(actual, score.argmax(axis=1), average="macro")
    assert ours.f1_macro(actual, score) == pytest.approx(expected, abs=1e-12)
    expected = theirs.roc_auc_score(actual, score, multi_class="ovr", average="macro")
    assert ours.roc_auc_ovr(actual, score) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("name", ["f1_macro", "roc_auc_ovr"])
def test_a_class_that_no_row_is_or_is_taken_for_does_not_count(name: str) -> None:
    rng = np.random.default_rng(0)
    actual, score = rng.integers(3, size=300).astype(float), rng.dirichlet([1, 1, 1], size=300)
    more = np.column_stack([score, np.zeros(300)])
    assert ours.METRICS[name](actual, more) == ours.METRICS[name](actual, score)


@pytest.mark.parametrize("name", ["f1_macro", "roc_auc_ovr"])
@pytest.mark.parametrize("seed", SEEDS)
def test_a_resample_over_classes_is_the_same_rows_weighted_where_a_class_is_not_drawn_too(name: str, seed: int) -> None:
    rng = np.random.default_rng(seed)
    actual, score = np.append(np.full(60, 0.0), [1, 1, 2]), rng.dirichlet([1, 1, 1], size=63).round(2)
    drawn = rng.integers(60 if seed % 2 else 63, size=63)
    weighted = ours.WEIGHTED_METRICS[name](actual, score)(np.bincount(drawn, minlength=63).astype(float))
    assert weighted == pytest.approx(ours.METRICS[name](actual[drawn], score[drawn]), abs=1e-12, nan_ok=True)


def test_a_sure_and_wrong_answer_costs_what_scikit_learn_says() -> None:
    actual, score = np.array([0.0, 1.0]), np.array([1.0, 1.0])
    assert ours.log_loss(actual, score) == pytest.approx(theirs.log_loss(actual, score), rel=1e-9)


@pytest.mark.parametrize("seed", SEEDS)
def test_regression_metrics_are_those_of_scikit_learn(seed: int) -> None:
    rng = np.random.default_rng(seed)
    actual = rng.normal(size=400) * 1e6
    value = actual + rng.normal(size=400) * 1e5
    assert ours.r2(actual, value) == pytest.approx(theirs.r2_score(actual, value))
    assert ours.mae(actual, value) == pytest.approx(theirs.mean_absolute_error(actual, value))
    assert ours.rmse(actual, value) == pytest.approx(theirs.root_mean_squared_error(actual, value))


def test_r2_of_a_constant_is_unknown() -> None:
    assert math.isnan(ours.r2(np.ones(3), np.arange(3.0)))


def test_every_metric_a_definition_may_name_exists() -> None:
    named = {metric for names in METRICS_OF_TASK.values() for metric in names}
    assert named == ours.METRICS.keys()
    assert named >= LOWER_IS_BETTER


@pytest.mark.parametrize("name", sorted(ours.METRICS.keys() - METRICS_OF_TASK[Task.RECOMMENDATION]))
@pytest.mark.parametrize("seed", SEEDS)
def test_a_resample_is_the_same_rows_weighted(name: str, seed: int) -> None:
    actual, score = binary(seed)
    score = score.round(2)
    drawn = np.random.default_rng(seed).integers(len(actual), size=len(actual))
    weights = np.bincount(drawn, minlength=len(actual)).astype(float)
    weighted = ours.WEIGHTED_METRICS[name](actual, score)(weights)
    assert weighted == pytest.approx(ours.METRICS[name](actual[drawn], score[drawn]), abs=1e-12)


def test_every_metric_can_be_resampled() -> None:
    assert ours.WEIGHTED_METRICS.keys() == ours.METRICS.keys()


def test_an_interval_holds_its_value_and_is_drawn_by_the_seed() -> None:
    actual, score = binary(1)
    interval = ours.bootstrap_interval("roc_auc", actual, score, seed=7)
    assert interval.low < interval.value < interval.high
    assert interval == ours.bootstrap_interval("roc_auc", actual, score, seed=7)
    assert interval != ours.bootstrap_interval("roc_auc", actual, score, seed=8)


def test_an_interval_narrows_with_the_square_root_of_the_rows() -> None:
    few, many = (ours.bootstrap_interval("log_loss", *binary(1, rows), seed=7) for rows in (200, 20_000))
    assert (few.high - few.low) / (many.high - many.low) == pytest.approx(10, rel=0.4)


def test_the_difference_is_paired_so_that_a_small_gain_shows() -> None:
    rng = np.random.default_rng(0)
    actual = rng.normal(size=500) * 10
    worse = actual + rng.normal(size=500)
    better = actual + (worse - actual) * 0.98
    gain = ours.bootstrap_difference("mae", actual, better, worse, seed=7)
    assert gain.value == pytest.approx(ours.mae(actual, better) - ours.mae(actual, worse))
    assert gain.high < 0
    alone = ours.bootstrap_interval("mae", actual, better, seed=7)
    assert alone.high > ours.mae(actual, worse), "unpaired, the gain would drown"


def test_no_difference_to_itself() -> None:
    actual, score = binary(3)
    assert ours.bootstrap_difference("roc_auc", actual, score, score, seed=7) == (0, 0, 0)


def test_one_class_has_no_interval_and_raises_nothing() -> None:
    interval = ours.bootstrap_interval("roc_auc", np.ones(50), np.linspace(0, 1, 50), seed=7)
    assert all(math.isnan(bound) for bound in interval)
