"""What a model is compared with: by task, by name, the best first."""

from dataclasses import replace

import numpy as np
import pytest

from everloop.contracts.tasks import Task
from everloop.metrics import METRICS
from everloop.training.baselines import baselines
from everloop.training.prepared import PreparedDataset
from tests.samples import example, prepared

ROWS = 200


@pytest.mark.parametrize("task", [Task.BINARY, Task.MULTICLASS, Task.REGRESSION])
def test_one_that_is_the_same_for_every_row_is_the_only_one_of_most_tasks(task: Task) -> None:
    dataset = prepared(task, holdout_rows=ROWS)
    [found] = baselines(dataset, example(task))
    _, train = dataset.train
    expected = [np.mean(train == label) for label in range(3)] if task is Task.MULTICLASS else train.mean()
    assert found.name == ("mean" if task is Task.REGRESSION else "prior")
    assert len(found.score) == ROWS
    np.testing.assert_allclose(found.score, np.broadcast_to(expected, found.score.shape))


def series(daily_error: float, weekly_error: float) -> PreparedDataset:
    """The value of a day ago is wrong by the one, that of a week ago by the other; one is not known."""
    dataset = prepared(Task.REGRESSION, holdout_rows=ROWS)
    _, target = dataset.holdout
    lags = {"lag_1d": target + daily_error, "lag_7d": target - weekly_error}
    lags["lag_7d"][3] = np.nan
    raw = dataset.holdout_raw | {name: values.reshape(-1, 1) for name, values in lags.items()}
    return replace(dataset, task=Task.FORECASTING, holdout_raw=raw)


@pytest.mark.parametrize(
    ("errors", "order"), [((1, 0.5), ["lag_7d", "lag_1d", "mean"]), ((1, 9), ["lag_1d", "mean", "lag_7d"])]
)
def test_a_forecast_has_the_newest_value_and_that_of_each_season(errors: tuple[float, float], order: list[str]) -> None:
    dataset = series(*errors)
    _, target = dataset.holdout
    found = {each.name: each for each in baselines(dataset, example(Task.FORECASTING))}
    assert list(found) == order
    assert found["lag_1d"].metrics["mae"] == pytest.approx(errors[0])
    assert found["lag_7d"].score[3] == dataset.train[1].mean(), "where it is null the mean answers"
    for each in found.values():
        assert each.metrics == {name: METRICS[name](target, each.score) for name in ("mae", "rmse", "r2")}


def test_by_a_metric_that_should_be_high_the_highest_is_the_best() -> None:
    definition = example(Task.FORECASTING, training={"metric": "r2"})
    found = baselines(series(1, 0.5), definition)
    assert found[0].metrics["r2"] == max(each.metrics["r2"] for each in found)
