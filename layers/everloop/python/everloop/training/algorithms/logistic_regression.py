"""Logistic regression with an L2 penalty."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from sklearn.linear_model import LogisticRegression

from everloop.metrics import Floats
from everloop.training.algorithms import Rows
from everloop.training.algorithms._balance import class_weights, log_odds_shift
from everloop.training.algorithms._bounded import keep_directions
from everloop.training.algorithms._dense import fit_dense
from everloop.training.algorithms._layers import linear, register_layers
from everloop.training.encoding import Codes

SPACE = {"C": (1.0, 0.1, 0.01, 10.0), "balanced": (False, True)}
CODES = Codes.LEVELS


def fit(rows: Rows, parameters: Mapping[str, Any]) -> Any:
    weights = "balanced" if parameters.get("balanced") else None
    estimator = LogisticRegression(C=parameters["C"], class_weight=weights, max_iter=500, random_state=rows.seed)
    pipeline = fit_dense(rows, estimator)
    if rows.directions:
        row_weights = parameters["C"] * (class_weights(rows.target)[rows.target] if weights else 1)

        def loss(sums: Floats) -> tuple[Floats, Floats]:
            losses = np.logaddexp(0, sums) - rows.target * sums
            return row_weights * losses, row_weights * (np.exp(-np.logaddexp(0, -sums)) - rows.target)

        keep_directions(pipeline, rows, rows.directions, loss)
    if weights:
        estimator.intercept_ -= log_odds_shift(rows.target)
    return pipeline


register_layers(LogisticRegression, linear, is_classifier=True)
