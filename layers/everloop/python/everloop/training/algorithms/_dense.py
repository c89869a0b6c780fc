"""What stands in front of a model that adds columns up: standardised numbers, and one column for each level."""

from typing import Any

from sklearn.compose import ColumnTransformer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder

from everloop.training.algorithms import Rows
from everloop.training.algorithms._standardizer import Standardizer


def fit_dense(rows: Rows, estimator: Any, target: Any = None, **fit: Any) -> Any:
    """The fitted pipeline; `target` is the rows' own if none is given, `fit` goes to the estimator's fit."""
    front = _front(rows)
    estimator.fit(front.fit_transform(rows.matrix), rows.target if target is None else target, **fit)
    return make_pipeline(front, estimator)


def _front(rows: Rows) -> ColumnTransformer:
    levels, numbers = list(rows.levels), numbers_of(rows)
    steps: list[tuple[str, Any, list[int]]] = []
    if numbers:
        steps.append(("numbers", Standardizer(), numbers))
    if levels:
        steps.append(("levels", OneHotEncoder(handle_unknown="ignore"), levels))
    return ColumnTransformer(steps)


def numbers_of(rows: Rows) -> list[int]:
    """Columns of the matrix that are no levels; standardised, they are the first that leave the front."""
    return [column for column in range(rows.matrix.shape[1]) if column not in rows.levels]
