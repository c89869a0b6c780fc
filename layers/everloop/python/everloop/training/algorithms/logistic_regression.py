"""Logistic regression with an L2 penalty."""

from collections.abc import Mapping
from typing import Any

from sklearn.linear_model import LogisticRegression

from everloop.contracts.definition import Task
from everloop.training.algorithms import Shape
from everloop.training.algorithms._linear import linear_pipeline

SPACE = {"C": (1.0, 0.1, 0.01, 10.0)}


def build(task: Task, shape: Shape, parameters: Mapping[str, Any], seed: int) -> Any:
    return linear_pipeline(shape, LogisticRegression(max_iter=500, random_state=seed, **parameters))
