"""What random forests and extra trees share: bounded size and time, and leaves that hold shares of real rows."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from everloop.training.algorithms import Rows
from everloop.training.algorithms._balance import class_weights
from everloop.training.algorithms._trees import Ensemble, Tree, below, register_trees

SPACE = {
    "max_leaf_nodes": (250, 100, 400),
    "max_features": (0.5, "sqrt", 0.3),
    "min_samples_leaf": (2, 5, 20),
    "balanced": (False, True),
}
"""`balanced` means nothing to a regression."""
TREES = 100
"""With 400 leaves each they make an ONNX file of some 4 MiB, which every cold start loads."""
CELLS_PER_TREE = 1_000_000
ROWS_PER_TREE = 5_000
"""A tree sees this many cells (rows × columns), yet not fewer rows than these: a trial's time has an end. The rows are
others for each tree."""


def fit_forest(classifier: Any, regressor: Any, rows: Rows, parameters: Mapping[str, Any]) -> Any:
    """Nulls are taken natively."""
    own = {name: value for name, value in parameters.items() if name != "balanced"}
    most = max(ROWS_PER_TREE, CELLS_PER_TREE // rows.matrix.shape[1])
    common = own | {"n_estimators": TREES, "bootstrap": True, "random_state": rows.seed}
    common |= {"max_samples": min(most, len(rows.target)), "monotonic_cst": rows.directions}
    if rows.task.answers_value:
        return regressor(**common).fit(rows.matrix, rows.target)
    weights = "balanced" if parameters.get("balanced") else None
    forest = classifier(class_weight=weights, **common).fit(rows.matrix, rows.target)
    if weights:
        _unweigh(forest, rows)
    return forest


def _unweigh(forest: Any, rows: Rows) -> None:
    """Leaves hold the shares of weighted rows: give them those of the rows themselves."""
    for tree in forest.estimators_:
        shares = tree.tree_.value / class_weights(rows.target)
        tree.tree_.value[:] = shares / shares.sum(axis=2, keepdims=True)


def register_forest(classifier: type, regressor: type) -> None:
    register_trees(classifier, _ensemble, is_classifier=True)
    register_trees(regressor, _ensemble, is_classifier=False)


def _ensemble(forest: Any) -> Ensemble:
    """The mean over all trees of the value in the leaf: a target, the share of class 1, or the shares of all."""
    trees = [_tree(each.tree_, len(forest.estimators_)) for each in forest.estimators_]
    return Ensemble(trees, base=[0.0] * trees[0].values.shape[1], goes_left="BRANCH_LEQ")


def _tree(tree: Any, of: int) -> Tree:
    values = tree.value[:, 0, :]
    return Tree(
        feature=tree.feature,
        threshold=below(tree.threshold),
        left=tree.children_left,
        right=tree.children_right,
        null_goes_left=tree.missing_go_to_left.astype(bool),
        values=((values[:, 1:] if values.shape[1] == 2 else values) / of).astype(np.float32),
    )
