"""An answer depends on its own row and on the columns the model takes, or the model is told off."""

import numpy as np
from onnx import TensorProto, helper

from everloop.contracts.tasks import Task
from everloop.scorer import Scorer
from everloop.training.statistics.indifference import TOLERANCE, indifference
from tests.samples import prepared
from tests.unit.training.conftest import fitted
from tests.unit.training.statistics.conftest import graph, holdout, judged

RNG = np.random.default_rng(2)
DATASET = holdout({"a": RNG.normal(size=300)}, (RNG.random(300) < 0.5).astype(float))


def test_a_sound_model_minds_nothing_else() -> None:
    for algorithm, task in [("hist-gradient-boosting", Task.BINARY), ("ridge", Task.REGRESSION)]:
        found = indifference(judged(Scorer(fitted(algorithm, task).judged), prepared(task)))
        assert found["largest_difference"] <= TOLERANCE
        assert found["columns_no_request_carries"] == []


def test_a_model_that_looks_at_the_row_before_is_caught() -> None:
    running_sum = graph(
        [
            helper.make_node("Constant", [], ["axis"], value=helper.make_tensor("v", TensorProto.INT64, [], [0])),
            helper.make_node("CumSum", ["a", "axis"], ["answer"]),
        ],
        takes=("a",),
    )
    assert indifference(judged(running_sum, DATASET))["largest_difference"] > 1


def test_a_model_that_looks_at_the_mean_of_all_rows_is_caught() -> None:
    """In reverse they have the same."""
    centred = graph(
        [
            helper.make_node("Constant", [], ["rows"], value=helper.make_tensor("v", TensorProto.INT64, [1], [0])),
            helper.make_node("ReduceMean", ["a", "rows"], ["mean"], keepdims=1),
            helper.make_node("Sub", ["a", "mean"], ["answer"]),
        ],
        takes=("a",),
    )
    assert indifference(judged(centred, DATASET))["largest_difference"] > 0.01


def test_a_model_that_takes_the_target_is_caught() -> None:
    greedy = graph([helper.make_node("Add", ["a", "y"], ["answer"])], takes=("a", "y"))
    dataset = holdout({"a": np.zeros(300), "y": DATASET.holdout[1]}, DATASET.holdout[1])
    assert indifference(judged(greedy, dataset))["columns_no_request_carries"] == ["y"]
