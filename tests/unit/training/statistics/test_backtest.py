"""A forecast over time: period by period beside the best naive prediction, and the newest moments one by one."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from everloop.contracts.tasks import Task
from everloop.training.statistics.backtest import MOMENTS, PERIODS, backtest
from everloop.training.statistics.judged import Judged
from tests.samples import example, prepared
from tests.unit.training.statistics.conftest import holdout, judged, takes_everything

HOURS = 500
FIRST = datetime(2026, 1, 1, tzinfo=UTC).timestamp()


def forecast(error: npt.NDArray[Any], *, series: int = 1, **sections: Any) -> Judged:
    """Of so many series, wrong by `error`; the value of a week ago is wrong by 2, that of a day ago by 3."""
    hour = np.repeat(np.arange(len(error) // series), series)
    target = 10 * np.sin(hour / 24) + np.tile(np.arange(series), len(error) // series)
    dataset = holdout({"lag_1d": target + 3, "lag_7d": target - 2}, target, Task.REGRESSION)
    dataset = replace(dataset, task=Task.FORECASTING, holdout_time=FIRST + 3_600.0 * hour)
    definition = example(Task.FORECASTING, **sections)
    return judged(takes_everything(), dataset, definition=definition, score=target + error)


def test_it_shows_when_a_model_became_worse_than_the_best_naive_prediction() -> None:
    found = backtest(forecast(np.repeat([1.0, 5.0], HOURS // 2)))
    assert found is not None
    assert (found["metric"], found["naive"], len(found["periods"])) == ("mae", "lag_7d", PERIODS)
    assert sum(each["rows"] for each in found["periods"]) == HOURS
    assert [each["value"] for each in found["periods"]] == pytest.approx([1] * 5 + [5] * 5, abs=0.1)
    assert [each["naive"] for each in found["periods"]] == pytest.approx([2] * PERIODS)
    since = [each["since"] for each in found["periods"]]
    assert (since, since[0]) == (sorted(since), FIRST)
    assert all(
        end["until"] < start["since"] for end, start in zip(found["periods"], found["periods"][1:], strict=False)
    )


def test_the_newest_moments_are_told_as_the_mean_of_all_series() -> None:
    found = backtest(forecast(np.ones(2 * HOURS), series=2))
    assert found is not None
    newest = found["newest"]
    assert len(newest) == MOMENTS
    assert newest[-1]["moment"] == FIRST + 3_600 * (HOURS - 1)
    assert newest[-1]["actual"] == pytest.approx(10 * np.sin((HOURS - 1) / 24) + 0.5)
    assert [each["forecast"] - each["actual"] for each in newest] == pytest.approx([1] * MOMENTS)


def test_a_period_that_has_no_such_metric_has_none() -> None:
    found = backtest(forecast(np.zeros(PERIODS), training={"metric": "r2"}))
    assert found is not None
    assert {each["value"] for each in found["periods"]} == {None}, "one row each"


def test_what_is_no_forecast_has_no_backtest() -> None:
    dataset = holdout({"a": np.zeros(200)}, prepared(Task.REGRESSION).holdout[1], Task.REGRESSION)
    assert backtest(judged(takes_everything(), dataset)) is None
