"""Histogram gradient boosting; takes nulls natively, and neither scaler nor imputer stands in front of it."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

from everloop.training.algorithms import Rows
from everloop.training.algorithms._balance import log_odds_shift
from everloop.training.algorithms._trees import Ensemble, Tree, below, register_trees
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
    # NOTE: scikit-learn has no bins for a column that is null in every row; a constant is split as little.
    matrix = np.where(np.isnan(rows.matrix).all(axis=0), 0, rows.matrix)
    own = {name: value for name, value in parameters.items() if name != "balanced"}
    common = own | {"random_state": rows.seed, "early_stopping": False, "monotonic_cst": rows.directions}
    if rows.task.answers_value:
        return HistGradientBoostingRegressor(**common).fit(matrix, rows.target)
    weights = "balanced" if parameters.get("balanced") else None
    estimator = HistGradientBoostingClassifier(class_weight=weights, **common).fit(matrix, rows.target)
    if weights:
        estimator._baseline_prediction -= log_odds_shift(rows.target)
    return estimator


def _regressor(fitted: HistGradientBoostingRegressor) -> Ensemble:
    """skl2onnx rounds thresholds to the nearest float32, which sends what lies there the other way.

    The code of an unseen level does: of two levels that are equally frequent it is the midpoint, where trees split.
    """
    trees = [_tree(tree.nodes, output) for stage in fitted._predictors for output, tree in enumerate(stage)]
    return Ensemble(trees, np.ravel(fitted._baseline_prediction).tolist(), goes_left="BRANCH_LEQ")


def _classifier(fitted: HistGradientBoostingClassifier) -> Ensemble:
    ensemble = _regressor(fitted)
    return ensemble._replace(link="Sigmoid" if len(ensemble.base) == 1 else "Softmax")


def _tree(nodes: npt.NDArray[Any], output: int) -> Tree:
    is_leaf = nodes["is_leaf"].astype(np.bool_)
    return Tree(
        feature=nodes["feature_idx"].astype(np.int64),
        threshold=below(nodes["num_threshold"]),
        left=np.where(is_leaf, -1, nodes["left"].astype(np.int64)),
        right=np.where(is_leaf, -1, nodes["right"].astype(np.int64)),
        null_goes_left=nodes["missing_go_to_left"].astype(np.bool_),
        values=nodes["value"].astype(np.float32).reshape(-1, 1),
        output=output,
    )


register_trees(HistGradientBoostingClassifier, _classifier, is_classifier=True)
register_trees(HistGradientBoostingRegressor, _regressor, is_classifier=False)
