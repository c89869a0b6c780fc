"""Counts by hand, and scikit-learn's."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from sklearn.metrics import confusion_matrix, precision_recall_fscore_support

from everloop.contracts.tasks import Task
from everloop.scorer import Scorer
from everloop.training.statistics.confusion import MOST_CLASSES, confusion
from tests.samples import prepared
from tests.unit.training.conftest import fitted
from tests.unit.training.statistics.conftest import holdout, judged, takes_everything


def found(target: Any, score: Any, classes: list[Any]) -> Any:
    dataset = replace(holdout({}, np.array(target, float), Task.MULTICLASS), classes=classes)
    return confusion(judged(takes_everything(), dataset, score=np.array(score, float)))


def test_the_commonest_class_comes_first_and_each_row_is_counted_once() -> None:
    score = np.eye(3)[[0, 1, 1, 1, 0]]
    told = found([0, 1, 1, 1, 2], score, ["a", "b", "c"])
    assert told["labels"] == ["b", "a", "c"]
    assert told["counts"] == [[3, 0, 0], [0, 1, 0], [0, 1, 0]]
    assert told["classes"][0] == {"label": "b", "rows": 3, "precision": 1.0, "recall": 1.0}
    assert told["classes"][2] == {"label": "c", "rows": 1, "precision": None, "recall": 0.0}


@pytest.mark.parametrize("classes", [3, MOST_CLASSES + 1])
def test_precision_recall_and_counts_are_those_of_scikit_learn(classes: int) -> None:
    rng = np.random.default_rng(classes)
    target, score = rng.integers(classes, size=2_000), rng.dirichlet(np.ones(classes), 2_000)
    told = found(target, score, list(range(classes)))
    labels = told["labels"]
    assert told["counts"] == confusion_matrix(target, score.argmax(axis=1), labels=labels).tolist()
    precision, recall, _, rows = precision_recall_fscore_support(target, score.argmax(axis=1), labels=labels)
    assert [each["precision"] for each in told["classes"]] == pytest.approx(precision.tolist())
    assert [each["recall"] for each in told["classes"]] == pytest.approx(recall.tolist())
    assert [each["rows"] for each in told["classes"]] == rows.tolist()


def test_what_is_not_common_is_pooled_and_loses_no_row() -> None:
    rng = np.random.default_rng(0)
    target, score = rng.integers(50, size=5_000), rng.dirichlet(np.ones(50), 5_000)
    told = found(target, score, [f"class {number}" for number in range(50)])
    assert len(told["labels"]) == len(told["counts"]) == MOST_CLASSES + 1
    assert told["labels"][-1] is None
    assert len(told["classes"]) == MOST_CLASSES
    assert np.sum(told["counts"]) == 5_000
    assert [sum(row) for row in told["counts"][:-1]] == [each["rows"] for each in told["classes"]]


@pytest.mark.parametrize(("algorithm", "task"), [("ridge", Task.REGRESSION), ("logistic-regression", Task.BINARY)])
def test_other_tasks_have_no_classes_to_confuse(algorithm: str, task: Task) -> None:
    assert confusion(judged(Scorer(fitted(algorithm, task).judged), prepared(task))) is None
