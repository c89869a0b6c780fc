"""Multi-layer perceptron: one or two hidden layers, fitted by Adam in a fixed number of steps."""

import warnings
from collections.abc import Mapping
from typing import Any

from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPClassifier, MLPRegressor

from everloop.training.algorithms import Rows
from everloop.training.algorithms._balance import class_weights, log_odds_shift
from everloop.training.algorithms._dense import fit_dense
from everloop.training.algorithms._layers import network, register_layers
from everloop.training.encoding import Codes

SPACE = {
    "hidden_layer_sizes": ([64, 32], [32], [128]),
    "alpha": (1e-3, 1e-5, 1e-1),
    "learning_rate_init": (3e-3, 1e-3),
    "balanced": (False, True),
}
"""`balanced` means nothing to a regression."""
CODES = Codes.LEVELS

ROWS_SEEN = 2_000_000
"""Over all epochs: the time of a fit is bounded, whatever the number of rows."""
MOST_EPOCHS = 100


def fit(rows: Rows, parameters: Mapping[str, Any]) -> Any:
    own = {name: value for name, value in parameters.items() if name != "balanced"}
    epochs = max(1, min(MOST_EPOCHS, ROWS_SEEN // len(rows.target)))
    common = own | {"max_iter": epochs, "random_state": rows.seed}
    with warnings.catch_warnings():
        # The epochs are a budget: that the loss could still fall is no news.
        warnings.simplefilter("ignore", ConvergenceWarning)
        if rows.task.answers_value:
            return _fit_regressor(rows, MLPRegressor(**common))
        return _fit_classifier(rows, MLPClassifier(**common), balanced=bool(parameters.get("balanced")))


def _fit_regressor(rows: Rows, network: MLPRegressor) -> Any:
    """Learns the standardised target; the last layer then answers in the target's own units."""
    mean, deviation = rows.target.mean(), rows.target.std() or 1.0  # the oldest rows may all have one value
    pipeline = fit_dense(rows, network, (rows.target - mean) / deviation)
    network.coefs_[-1] = network.coefs_[-1] * deviation
    network.intercepts_[-1] = network.intercepts_[-1] * deviation + mean
    return pipeline


def _fit_classifier(rows: Rows, network: MLPClassifier, *, balanced: bool) -> Any:
    if not balanced:
        return fit_dense(rows, network)
    pipeline = fit_dense(rows, network, sample_weight=class_weights(rows.target)[rows.target])
    network.intercepts_[-1] = network.intercepts_[-1] - log_odds_shift(rows.target)
    return pipeline


register_layers(MLPClassifier, network, is_classifier=True)
register_layers(MLPRegressor, network, is_classifier=False)
