"""What can be learned, by which metrics it is judged, and by which algorithms."""

from enum import StrEnum


class Task(StrEnum):
    BINARY = "binary-classification"
    MULTICLASS = "multiclass-classification"
    REGRESSION = "regression"
    FORECASTING = "forecasting"
    RECOMMENDATION = "recommendation"

    @property
    def answers_value(self) -> bool:
        """A number for each row, in the units of the target."""
        return self in (Task.REGRESSION, Task.FORECASTING)


METRICS: dict[Task, tuple[str, ...]] = {
    Task.BINARY: ("roc_auc", "log_loss", "accuracy"),
    Task.MULTICLASS: ("accuracy", "log_loss", "f1_macro", "roc_auc_ovr"),
    Task.REGRESSION: ("r2", "mae", "rmse"),
    Task.FORECASTING: ("mae", "rmse", "r2"),
    Task.RECOMMENDATION: ("hit_rate", "ndcg", "recall"),
}
"""The metrics of each task; the first one is the default."""

_OF_ROWS = frozenset(Task) - {Task.RECOMMENDATION}

ALGORITHMS: dict[str, frozenset[Task]] = {
    "hist-gradient-boosting": _OF_ROWS,
    "logistic-regression": frozenset({Task.BINARY, Task.MULTICLASS}),
    "ridge": frozenset({Task.REGRESSION, Task.FORECASTING}),
    "random-forest": _OF_ROWS,
    "extra-trees": _OF_ROWS,
    "multi-layer-perceptron": _OF_ROWS,
    "xgboost": _OF_ROWS,
    "matrix-factorization": frozenset({Task.RECOMMENDATION}),
    "item-similarity": frozenset({Task.RECOMMENDATION}),
}
"""Every algorithm and the tasks it learns; its code is everloop/training/algorithms/<name>.py."""

WITHOUT_DIRECTION = frozenset({"multi-layer-perceptron"})
"""Algorithms whose answer cannot be made to go one way with a column."""

LOWER_IS_BETTER = frozenset({"log_loss", "mae", "rmse"})
