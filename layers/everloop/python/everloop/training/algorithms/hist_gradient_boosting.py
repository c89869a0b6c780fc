"""Histogram gradient boosting; takes nulls natively, and neither scaler nor imputer stands in front of it."""

from collections.abc import Mapping
from typing import Any

from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

from everloop.training.algorithms import Rows
from everloop.training.algorithms._balance import log_odds_shift
from everloop.training.encoding import Codes

SPACE = {
    "learning_rate": (0.05, 0.04, 0.08, 0.12),
    "max_leaf_nodes": (15, 7, 31),
    "min_samples_leaf": (100, 20, 200, 400),
    "l2_regularization": (1.0, 0.0, 10.0),
    "max_iter": (100, 150, 200, 300),
    "balanced": (False, True),
}
"""`balanced` means nothing to a regression."""
CODES = Codes.MEANS


def fit(rows: Rows, parameters: Mapping[str, Any]) -> Any:
    # WARNING: a scaler or imputer in front moves float32 values across thresholds, and `categorical_features`
    # converts wrongly: both change answers without a word (the parity gate would refuse the candidate).
    own = {name: value for name, value in parameters.items() if name != "balanced"}
    common = own | {"random_state": rows.seed, "early_stopping": False}
    if rows.task.answers_value:
        return HistGradientBoostingRegressor(**common).fit(rows.matrix, rows.target)
    weights = "balanced" if parameters.get("balanced") else None
    estimator = HistGradientBoostingClassifier(class_weight=weights, **common).fit(rows.matrix, rows.target)
    if weights:
        estimator._baseline_prediction -= log_odds_shift(rows.target)
    return estimator
