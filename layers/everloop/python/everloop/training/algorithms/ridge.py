"""Linear regression with an L2 penalty."""

from collections.abc import Mapping
from typing import Any

from sklearn.linear_model import Ridge

from everloop.metrics import Floats
from everloop.training.algorithms import Rows
from everloop.training.algorithms._bounded import keep_directions
from everloop.training.algorithms._dense import fit_dense
from everloop.training.algorithms._layers import linear, register_layers
from everloop.training.encoding import Codes

SPACE = {"alpha": (1.0, 0.1, 10.0, 100.0)}
CODES = Codes.LEVELS


def fit(rows: Rows, parameters: Mapping[str, Any]) -> Any:
    pipeline = fit_dense(rows, Ridge(random_state=rows.seed, **parameters))
    if rows.directions:

        def loss(sums: Floats) -> tuple[Floats, Floats]:
            error = sums - rows.target
            return error**2 / parameters["alpha"] / 2, error / parameters["alpha"]

        keep_directions(pipeline, rows, rows.directions, loss)
    return pipeline


register_layers(Ridge, linear, is_classifier=False)
