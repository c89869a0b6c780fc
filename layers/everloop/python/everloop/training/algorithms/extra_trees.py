"""Extremely randomized trees (Geurts, Ernst and Wehenkel 2006)."""

from collections.abc import Mapping
from typing import Any

from sklearn.ensemble import ExtraTreesClassifier, ExtraTreesRegressor

from everloop.training.algorithms import Rows
from everloop.training.algorithms._forest import SPACE, fit_forest, register_forest
from everloop.training.encoding import Codes

__all__ = ["CODES", "SPACE", "fit"]

CODES = Codes.MEANS


def fit(rows: Rows, parameters: Mapping[str, Any]) -> Any:
    return fit_forest(ExtraTreesClassifier, ExtraTreesRegressor, rows, parameters)


register_forest(ExtraTreesClassifier, ExtraTreesRegressor)
