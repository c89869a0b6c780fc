"""Logistic regression with an L2 penalty."""

from collections.abc import Mapping
from typing import Any

from sklearn.linear_model import LogisticRegression

from everloop.training.algorithms import Rows
from everloop.training.algorithms._balance import log_odds_shift
from everloop.training.algorithms._dense import fit_dense
from everloop.training.algorithms._layers import linear, register_layers
from everloop.training.encoding import Codes

SPACE = {"C": (1.0, 0.1, 0.01, 10.0), "balanced": (False, True)}
CODES = Codes.LEVELS


def fit(rows: Rows, parameters: Mapping[str, Any]) -> Any:
    weights = "balanced" if parameters.get("balanced") else None
    estimator = LogisticRegression(C=parameters["C"], class_weight=weights, max_iter=500, random_state=rows.seed)
    pipeline = fit_dense(rows, estimator)
    if weights:
        estimator.intercept_ -= log_odds_shift(rows.target)
    return pipeline


register_layers(LogisticRegression, linear, is_classifier=True)
