"""A declared direction is kept by every row, or the model is told off."""

from typing import Any, Literal

import numpy as np
import pytest
from onnx import TensorProto, helper

from everloop.contracts.tasks import Task
from everloop.scorer import Scorer
from everloop.training.statistics.monotone import TOLERANCE, monotone
from tests.samples import example
from tests.unit.training.statistics.conftest import graph, holdout, judged

RNG = np.random.default_rng(11)
ROWS = 800
A, B = RNG.normal(size=ROWS), RNG.normal(size=ROWS)


def found(scorer: Scorer, direction: Literal["increasing", "decreasing"], a: Any = A, **columns: Any) -> Any:
    declared = {"a": {"type": "number", "monotone": direction}, "b": "number", "c": "category", "y": "boolean"}
    definition = example(Task.BINARY, columns=declared | columns)
    return monotone(judged(scorer, holdout({"a": a, "b": B}, (A > 0).astype(float)), definition=definition))


def rising() -> Scorer:
    return graph([helper.make_node("Sigmoid", ["a"], ["answer"])])


def falling_where_b_is_positive() -> Scorer:
    """An interaction: the average over rows rises, single rows fall."""
    return graph(
        [
            helper.make_node("Constant", [], ["limit"], value=helper.make_tensor("v", TensorProto.DOUBLE, [1], [0.8])),
            helper.make_node("Greater", ["b", "limit"], ["is_large"]),
            helper.make_node("Neg", ["a"], ["minus"]),
            helper.make_node("Where", ["is_large", "minus", "a"], ["either"]),
            helper.make_node("Sigmoid", ["either"], ["answer"]),
        ]
    )


def test_a_model_that_keeps_the_direction_steps_back_nowhere() -> None:
    [kept] = found(rising(), "increasing")
    assert kept == {
        "column": "a",
        "direction": "increasing",
        "rows": 500,
        "steps": 11,
        "largest_step_back": 0.0,
        "share_of_rows": 0.0,
    }


def test_the_opposite_direction_is_broken_by_every_row() -> None:
    [broken] = found(rising(), "decreasing")
    assert broken["largest_step_back"] > 0.5
    assert broken["share_of_rows"] == 1


def test_rows_that_fall_are_found_though_the_mean_rises() -> None:
    [broken] = found(falling_where_b_is_positive(), "increasing")
    assert broken["largest_step_back"] > TOLERANCE
    assert broken["share_of_rows"] == pytest.approx((B > 0.8).mean(), abs=0.06)


def test_a_column_of_nulls_has_no_direction() -> None:
    takes_both = graph([helper.make_node("Sigmoid", ["b"], ["answer"])], takes=("a", "b"))
    [empty] = found(takes_both, "increasing", a=np.full(ROWS, np.nan))
    assert (empty["steps"], empty["largest_step_back"]) == (0, 0)


def test_a_column_that_the_model_does_not_take_is_not_moved() -> None:
    takes_b = graph([helper.make_node("Sigmoid", ["b"], ["answer"])], takes=("b",))
    assert found(takes_b, "increasing") == []
