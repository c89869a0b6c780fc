"""How a forecast would have done in one period of the holdout after the other, and what it said in the last."""

from typing import Any

import numpy as np

from everloop.metrics import METRICS, Floats
from everloop.training.baselines import baselines
from everloop.training.statistics.judged import Judged

PERIODS = 10
MOMENTS = 300
"""The newest are told one by one: more are a smear in a plot."""


def backtest(judged: Judged) -> dict[str, Any] | None:
    """The metric of the model and of the best naive prediction in equally long parts of the holdout, oldest first.

    Each row is asked for one horizon ahead, by a model fitted before the holdout: a rolling origin with a fixed window
    (Tashman, "Out-of-sample tests of forecasting accuracy", 2000). None for what is no forecast.
    """
    if judged.definition.forecast is None:
        return None
    naive = baselines(judged.dataset, judged.definition)[0]
    time = judged.dataset.holdout_time
    metric = judged.definition.metric
    edges = np.linspace(time.min(), time.max(), PERIODS + 1)[1:-1]
    place = np.searchsorted(edges, time, side="right")
    periods = []
    for number in np.unique(place):
        rows = place == number
        periods.append(
            {
                "since": float(time[rows].min()),
                "until": float(time[rows].max()),
                "rows": int(rows.sum()),
                "value": _measured(metric, judged.target[rows], judged.score[rows]),
                "naive": _measured(metric, judged.target[rows], naive.score[rows]),
            }
        )
    return {
        "target": judged.definition.data.target,
        "metric": metric,
        "naive": naive.name,
        "periods": periods,
        "newest": _newest(judged),
    }


def _measured(metric: str, target: Floats, score: Floats) -> float | None:
    """None where the rows have none: r2 of one value."""
    value = METRICS[metric](target, score)
    return value if np.isfinite(value) else None


def _newest(judged: Judged) -> list[dict[str, float]]:
    """Of the newest moments the mean of all series, actual and forecast; `moment` is in epoch seconds."""
    moments, place, rows = np.unique(judged.dataset.holdout_time, return_inverse=True, return_counts=True)
    actual, forecast = (np.bincount(place, values) / rows for values in (judged.target, judged.score))
    return [
        {"moment": float(moment), "actual": float(was), "forecast": float(said)}
        for moment, was, said in zip(moments[-MOMENTS:], actual[-MOMENTS:], forecast[-MOMENTS:], strict=True)
    ]
