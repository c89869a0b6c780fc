"""What is measured on the holdout beside the metrics: one file for each statistic, and this table."""

from collections.abc import Callable
from typing import Any

from everloop.training.statistics.backtest import backtest
from everloop.training.statistics.confusion import confusion
from everloop.training.statistics.decisions import decisions
from everloop.training.statistics.importance import importance
from everloop.training.statistics.indifference import indifference
from everloop.training.statistics.judged import Judged
from everloop.training.statistics.monotone import monotone
from everloop.training.statistics.recommendations import recommendations
from everloop.training.statistics.reliability import reliability
from everloop.training.statistics.residuals import residuals
from everloop.training.statistics.roc import roc
from everloop.training.statistics.slices import slices

STATISTICS: dict[str, Callable[[Judged], Any]] = {
    "slices": slices,
    "reliability": reliability,
    "decisions": decisions,
    "confusion": confusion,
    "monotone": monotone,
    "indifference": indifference,
    "roc": roc,
    "residuals": residuals,
    "importance": importance,
    "recommendations": recommendations,
    "backtest": backtest,
}
"""Name in metrics.json → what computes it there."""


def measure(judged: Judged) -> dict[str, Any]:
    return {name: statistic(judged) for name, statistic in STATISTICS.items()}
