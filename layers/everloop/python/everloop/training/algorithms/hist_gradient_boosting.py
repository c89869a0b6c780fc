"""Histogram gradient boosting; takes nulls natively, and neither scaler nor imputer stands in front of it."""

from collections.abc import Mapping
from typing import Any

from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

from everloop.contracts.definition import Task
from everloop.training.algorithms import Shape

SPACE = {
    "learning_rate": (0.05, 0.04, 0.08, 0.12),
    "max_leaf_nodes": (15, 7, 31),
    "min_samples_leaf": (100, 20, 200, 400),
    "l2_regularization": (1.0, 0.0, 10.0),
    "max_iter": (100, 150, 200),
}


def build(task: Task, shape: Shape, parameters: Mapping[str, Any], seed: int) -> Any:
    # WARNING: a scaler or imputer in front moves float32 values across thresholds, and `categorical_features`
    # converts wrongly: both change answers without a word (the parity gate would refuse the candidate).
    estimator = HistGradientBoostingRegressor if task is Task.REGRESSION else HistGradientBoostingClassifier
    return estimator(random_state=seed, early_stopping=False, **parameters)
