"""What stands in front of a model that adds columns up: standardised numbers, and one column for each level."""

from typing import Any

from sklearn.compose import ColumnTransformer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder

from everloop.training.algorithms import Rows, Shape
from everloop.training.algorithms._standardizer import Standardizer


def fit_dense(rows: Rows, estimator: Any, target: Any = None, **fit: Any) -> Any:
    """The fitted pipeline; `target` is the rows' own if none is given, `fit` goes to the estimator's fit."""
    front = _front(rows.shape)
    estimator.fit(front.fit_transform(rows.matrix), rows.target if target is None else target, **fit)
    return make_pipeline(front, estimator)


def _front(shape: Shape) -> ColumnTransformer:
    columns = list(range(shape.numbers + shape.codes))
    steps: list[tuple[str, Any, list[int]]] = []
    if shape.numbers:
        steps.append(("numbers", Standardizer(), columns[: shape.numbers]))
    if shape.codes:
        steps.append(("codes", OneHotEncoder(handle_unknown="ignore", dtype="float32"), columns[shape.numbers :]))
    return ColumnTransformer(steps)
