"""What really happened beside what was answered, as metrics and losses take them."""

import json
from typing import Any

import numpy as np
import numpy.typing as npt

from everloop.contracts.columns import ColumnType
from everloop.contracts.definition import Definition
from everloop.contracts.tasks import Task

Floats = npt.NDArray[np.float64]
Texts = npt.NDArray[Any]
"""Of `str`; where others write them, as objects: in an array of numpy's texts all take as much as the longest one."""


def comparable(definition: Definition, actual: Texts, score: Floats, label: Texts) -> tuple[Floats, Floats]:
    """Actual and score [n]; for multiclass, 1 and "was the label right"; for recommendations what `_taken` says."""
    if definition.task is Task.MULTICLASS:
        right = (_normalised(definition, actual) == _normalised(definition, label)).astype(np.float64)
        return np.ones(len(right)), right
    if definition.recommendation:
        return _taken(definition, actual, label)
    if definition.columns[definition.data.target].type.is_textual:
        return (actual == definition.data.positive).astype(np.float64), score
    return actual.astype(np.float64), score


def _taken(definition: Definition, actual: Texts, label: Texts) -> tuple[Floats, Floats]:
    """How many different items were taken after each recommendation, and which of its own are among them, [n, k]."""
    lists = [_normalised(definition, np.array(json.loads(text), np.str_)).tolist() for text in actual]
    answers = [_normalised(definition, np.array(json.loads(text), np.str_)).tolist() for text in label]
    relevance = np.zeros((len(answers), max(map(len, answers), default=0)))
    for row, (answer, taken) in enumerate(zip(answers, lists, strict=True)):
        relevance[row, : len(answer)] = [item in taken for item in answer]
    return np.array([float(len(set(taken))) for taken in lists]), relevance


def _normalised(definition: Definition, labels: Texts) -> npt.NDArray[Any]:
    """`3` and `3.0` are the same class of an integer target; a declared constant may be no number at all."""
    if definition.columns[definition.data.target].type is not ColumnType.INTEGER:
        return labels
    return np.array([_number(text) for text in labels.tolist()], dtype=object)


def _number(text: str) -> float | str:
    try:
        return float(text)
    except ValueError:
        return text
