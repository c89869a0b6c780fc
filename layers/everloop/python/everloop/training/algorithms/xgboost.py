"""XGBoost (Chen and Guestrin 2016) on CPUs; takes nulls natively."""

import json
from collections.abc import Mapping
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import xgboost
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin

from everloop.contracts.tasks import Task
from everloop.training.algorithms import Rows
from everloop.training.algorithms._balance import class_weights, log_odds_shift
from everloop.training.algorithms._trees import Ensemble, Tree, register_trees
from everloop.training.encoding import Codes

SPACE = {
    "eta": (0.1, 0.05, 0.2),
    "max_leaves": (31, 15, 63),
    "min_child_weight": (5.0, 1.0, 20.0),
    "lambda": (1.0, 0.1, 10.0),
    "subsample": (0.8, 1.0),
    "colsample_bytree": (0.8, 0.5, 1.0),
    "rounds": (200, 100, 400),
    "balanced": (False, True),
}
"""`balanced` means nothing to a regression."""
CODES = Codes.MEANS

Matrix = npt.NDArray[np.float32]
_OBJECTIVES = {Task.BINARY: "binary:logistic", Task.MULTICLASS: "multi:softprob"}


class _Booster(BaseEstimator):  # type: ignore[misc]  # scikit-learn has no types
    """Starts from a constant for each output instead of the library's base score, whose form differs by version."""

    def __init__(self, parameters: Mapping[str, Any], rounds: int) -> None:
        self.parameters = parameters
        self.rounds = rounds

    def _boost(self, rows: Rows, labels: Any, start: npt.NDArray[np.float64], weights: Any = None) -> Self:
        self.base_ = start
        self.n_features_in_ = rows.matrix.shape[1]
        seen = xgboost.DMatrix(rows.matrix, label=labels, weight=weights)
        seen.set_base_margin(self._start(len(labels)))
        classes = {"num_class": len(start)} if rows.task is Task.MULTICLASS else {}
        bounds = {"monotone_constraints": tuple(rows.directions)} if rows.directions else {}
        own = {
            "objective": _OBJECTIVES.get(rows.task, "reg:squarederror"),
            "base_score": 0.5,
            "tree_method": "hist",
            "seed": rows.seed,
        }
        self.booster_ = xgboost.train({**own, **classes, **bounds, **self.parameters}, seen, self.rounds)
        return self

    def _start(self, count: int) -> Matrix:
        return np.tile(self.base_, (count, 1)).astype(np.float32)

    def _sums(self, matrix: Matrix) -> npt.NDArray[np.float64]:
        """[n, outputs] before the link."""
        asked = xgboost.DMatrix(matrix)
        asked.set_base_margin(self._start(len(matrix)))
        sums = self.booster_.predict(asked, output_margin=True).reshape(len(matrix), -1)
        return np.asarray(sums, dtype=np.float64)


class BoostedClassifier(ClassifierMixin, _Booster):  # type: ignore[misc]  # scikit-learn has no types
    def fit(self, rows: Rows, *, balanced: bool) -> Self:
        self.classes_ = np.unique(rows.target)
        shares = np.bincount(rows.target) / len(rows.target)
        logs = np.log(shares)
        start = logs[1:] - logs[:1] if len(logs) == 2 else logs
        if not balanced:
            return self._boost(rows, rows.target, start)
        weights, shift = class_weights(rows.target)[rows.target], log_odds_shift(rows.target)
        self._boost(rows, rows.target, start + shift, weights)
        self.base_ = start
        return self

    def predict_proba(self, matrix: Matrix) -> npt.NDArray[np.float64]:
        sums = self._sums(matrix)
        if sums.shape[1] == 1:
            positive = 1 / (1 + np.exp(-sums))
            return np.hstack([1 - positive, positive])
        raised = np.exp(sums - sums.max(axis=1, keepdims=True))
        return np.asarray(raised / raised.sum(axis=1, keepdims=True))


class BoostedRegressor(RegressorMixin, _Booster):  # type: ignore[misc]  # scikit-learn has no types
    """Learns the standardised target: the trees' float32 sums then lose nothing of a large one."""

    def fit(self, rows: Rows) -> Self:
        self.mean_ = float(rows.target.mean())
        self.deviation_ = float(rows.target.std()) or 1.0  # the oldest rows may all have one value
        return self._boost(rows, (rows.target - self.mean_) / self.deviation_, np.zeros(1))

    def predict(self, matrix: Matrix) -> npt.NDArray[np.float64]:
        return self._sums(matrix)[:, 0] * self.deviation_ + self.mean_


def fit(rows: Rows, parameters: Mapping[str, Any]) -> Any:
    own = {name: value for name, value in parameters.items() if name not in ("balanced", "rounds")}
    own |= {"grow_policy": "lossguide", "max_depth": 0}
    if rows.task.answers_value:
        return BoostedRegressor(own, parameters["rounds"]).fit(rows)
    return BoostedClassifier(own, parameters["rounds"]).fit(rows, balanced=bool(parameters.get("balanced")))


def _classifier(fitted: BoostedClassifier) -> Ensemble:
    link = "Sigmoid" if len(fitted.base_) == 1 else "Softmax"
    return Ensemble(_trees(fitted, 1.0), base=fitted.base_.tolist(), goes_left="BRANCH_LT", link=link)


def _regressor(fitted: BoostedRegressor) -> Ensemble:
    return Ensemble(_trees(fitted, fitted.deviation_), base=[fitted.mean_], goes_left="BRANCH_LT")


def _trees(fitted: _Booster, scale: float) -> list[Tree]:
    """From the model's JSON, whose schema is documented: xgboost.readthedocs.io, "Introduction to Model IO"."""
    model = json.loads(fitted.booster_.save_raw("json"))["learner"]["gradient_booster"]["model"]
    return [_tree(tree, int(output), scale) for tree, output in zip(model["trees"], model["tree_info"], strict=True)]


def _tree(tree: Mapping[str, Any], output: int, scale: float) -> Tree:
    conditions = np.array(tree["split_conditions"], dtype=np.float32)
    return Tree(
        feature=np.array(tree["split_indices"], dtype=np.int64),
        threshold=conditions,
        left=np.array(tree["left_children"], dtype=np.int64),
        right=np.array(tree["right_children"], dtype=np.int64),
        null_goes_left=np.array(tree["default_left"], dtype=np.bool_),
        values=(conditions[:, None] * scale).astype(np.float32),  # a leaf's condition is its value
        output=output,
    )


register_trees(BoostedClassifier, _classifier, is_classifier=True)
register_trees(BoostedRegressor, _regressor, is_classifier=False)
