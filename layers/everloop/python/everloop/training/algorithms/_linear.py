"""What stands in front of a linear model: imputed and scaled numbers, one-hot codes."""

from typing import Any

from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from everloop.training.algorithms import Shape


def linear_pipeline(shape: Shape, estimator: Any) -> Any:
    numbers = make_pipeline(SimpleImputer(strategy="median", keep_empty_features=True), StandardScaler())
    columns = list(range(shape.numbers + shape.codes))
    steps = []
    if shape.numbers:
        steps.append(("numbers", numbers, columns[: shape.numbers]))
    if shape.codes:
        steps.append(("codes", OneHotEncoder(handle_unknown="ignore"), columns[shape.numbers :]))
    return make_pipeline(ColumnTransformer(steps), estimator)
