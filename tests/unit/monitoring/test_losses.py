"""What one answer costs, by task, as logged texts tell it."""

import json
from typing import Any

import numpy as np
import pytest

from everloop.contracts.definition import Definition
from everloop.contracts.tasks import Task
from everloop.monitoring.losses import LOSSES, loss_of
from tests.samples import example, pump_failure
from tests.shoppers import definition as shoppers

COSTS = {"costs": {"false_positive": 1, "false_negative": 4}}


def losses(definition: Definition, *rows: tuple[str, float | None, str]) -> tuple[str, list[float]]:
    """Of rows of actual, score and label."""
    actual, score, label = zip(*rows, strict=True)
    loss = loss_of(definition)
    found = loss.of_rows(definition, np.array(actual), np.array(score, np.float64), np.array(label))
    return loss.name, found.tolist()


def test_every_task_has_one() -> None:
    assert LOSSES.keys() == set(Task)


def test_a_probability_loses_its_squared_error() -> None:
    name, found = losses(pump_failure(), ("1.0", 0.9, "True"), ("0.0", 0.9, "True"), ("1.0", 0.1, ""))
    assert name == "brier"
    assert found == pytest.approx([0.01, 0.81, 0.81])


def test_with_costs_a_label_loses_what_it_costs() -> None:
    rows = [("1.0", 0.9, "True"), ("0.0", 0.9, "True"), ("1.0", 0.3, "False"), ("0.0", 0.1, "False")]
    constants = [("1.0", 0.1, ""), ("0.0", 0.3, "")]  # 0.2 is the threshold that follows from the costs
    assert losses(pump_failure(serving=COSTS), *rows, *constants) == ("cost", [0, 1, 4, 0, 4, 1])


def test_with_costs_a_target_of_words_has_one_that_is_positive() -> None:
    columns: dict[str, Any] = {"a": "number", "y": {"type": "category", "allowed": ["fails", "runs"]}}
    definition = example(Task.BINARY, columns=columns, data={"target": "y", "positive": "fails"}, serving=COSTS)
    assert losses(definition, ("fails", 0.9, "fails"), ("runs", 0.9, "fails"), ("fails", 0.1, "runs")) == (
        "cost",
        [0, 1, 4],
    )


def test_a_class_loses_by_being_another() -> None:
    assert losses(example(Task.MULTICLASS), ("x", 0.9, "x"), ("x", 0.9, "ž")) == ("error", [0, 1])
    numbered = example(Task.MULTICLASS, columns={"a": "number", "y": "integer"})
    assert losses(numbered, ("3.0", 0.9, "3"), ("3.0", 0.9, "4"), ("3.0", None, "no class")) == ("error", [0, 1, 1])


@pytest.mark.parametrize("task", [Task.REGRESSION, Task.FORECASTING])
def test_a_value_loses_its_distance(task: Task) -> None:
    assert losses(example(task), ("3.5", 3, ""), ("-1.0", 1, "")) == ("absolute_error", [0.5, 2])


def test_a_recommendation_loses_when_nothing_of_it_was_taken() -> None:
    rows = [(json.dumps(taken), None, json.dumps(["x", "y"])) for taken in (["y", "z"], ["z"])]
    assert losses(shoppers(), *rows) == ("miss", [0, 1])


def test_an_answer_without_the_number_that_is_needed_has_no_loss() -> None:
    assert np.isnan(losses(pump_failure(), ("1.0", None, "True"))[1][0])
