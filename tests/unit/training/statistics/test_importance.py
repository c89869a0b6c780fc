"""The column that decides is worth most, one that the model ignores nothing."""

import numpy as np
import pytest
from onnx import helper

from everloop.contracts.tasks import Task
from everloop.training.statistics.importance import importance
from tests.samples import example
from tests.unit.training.statistics.conftest import graph, holdout, judged

RNG = np.random.default_rng(6)
A, B = RNG.normal(size=(2, 1_000))
DATASET = holdout({"a": A, "b": B}, (A + 0.3 * B > 0).astype(float))


@pytest.mark.parametrize("metric", ["roc_auc", "log_loss", "accuracy"])
def test_a_column_is_worth_what_shuffling_it_costs(metric: str) -> None:
    scorer = graph([helper.make_node("Identity", ["c"], ["kept"]), helper.make_node("Sigmoid", ["a"], ["answer"])])
    definition = example(Task.BINARY, training={"metric": metric})
    found = importance(judged(scorer, DATASET, definition=definition))
    assert found[0]["column"] == "a"
    assert found[0]["loss"] > 0.2
    assert {each["column"]: each["loss"] for each in found[1:]} == {"b": 0, "c": 0}
    assert found == importance(judged(scorer, DATASET, definition=definition)), "the seed decides"
