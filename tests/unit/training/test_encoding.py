"""Categories to codes: what tells levels apart, and what must not betray a row's own target."""

from typing import Any

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from onnx import TensorProto, helper

from everloop.contracts.tasks import ALGORITHMS, Task
from everloop.metrics import roc_auc
from everloop.training.encoding import LEVEL_ROWS, MOST_LEVELS, OWN_ROWS, Codes, Encoder, fit_encoder
from everloop.training.learned import fit
from everloop.training.prepared import Inputs
from tests.samples import dataset_of, quick_parameters

BINARY = [algorithm for algorithm, tasks in ALGORITHMS.items() if Task.BINARY in tasks]


def texts(*levels: str) -> Inputs:
    return Inputs(np.zeros((len(levels), 0), np.float32), np.array(levels).reshape(-1, 1))


def encoded(encoder: Encoder, *levels: str) -> list[float]:
    codes: list[float] = encoder.transform(texts(*levels))[:, 0].tolist()
    return codes


def fitted(codes: Codes, levels: dict[str, int], means: dict[str, float]) -> tuple[Encoder, Any, Inputs]:
    """The encoder and the matrix of so many rows of each level, of which that share has the target 1."""
    inputs = texts(*(level for level, count in levels.items() for _ in range(count)))
    target = np.concatenate([np.arange(count) < means[level] * count for level, count in levels.items()])
    encoder, matrix = fit_encoder(codes, inputs, target.astype(float), seed=7)
    return encoder, matrix, inputs


def test_levels_are_ordered_by_their_smoothed_mean_target() -> None:
    encoder, _, _ = fitted(Codes.MEANS, {"low": 50, "high": 50, "once": 1}, {"low": 0, "high": 1, "once": 1})
    low, once, high, unseen = encoded(encoder, "low", "once", "high", "never seen")
    assert low < unseen < once < high, "one row alone does not make a level extreme"


def test_a_level_never_seen_has_the_overall_mean() -> None:
    encoder, _, inputs = fitted(Codes.MEANS, {"a": 30, "b": 10}, {"a": 0.1, "b": 0.5})
    assert encoded(encoder, "never seen", "") == pytest.approx([8 / len(inputs)] * 2)


def test_a_rare_level_is_coded_without_the_row_itself_while_fitting() -> None:
    levels = {f"level {n}": 1 for n in range(100)}
    _, matrix, _ = fitted(Codes.MEANS, levels, {level: float(n < 50) for n, level in enumerate(levels)})
    assert abs(np.corrcoef(matrix[:, 0], np.arange(100) < 50)[0, 1]) < 0.5
    assert len(np.unique(matrix)) <= 5, "all that is known of them is the mean of the other folds"


def test_a_frequent_level_is_coded_alike_while_fitting_and_serving() -> None:
    encoder, matrix, inputs = fitted(Codes.MEANS, {"a": OWN_ROWS, "b": OWN_ROWS + 1}, {"a": 0.2, "b": 0.7})
    np.testing.assert_array_equal(matrix, encoder.transform(inputs))


def test_levels_that_are_taken_apart_are_numbered_and_rare_ones_are_like_unseen_ones() -> None:
    encoder, matrix, inputs = fitted(
        Codes.LEVELS, {"a": LEVEL_ROWS, "b": LEVEL_ROWS, "rare": LEVEL_ROWS - 1}, {"a": 0.5, "b": 0.5, "rare": 0.5}
    )
    assert encoded(encoder, "a", "b", "rare", "never seen", "") == [0, 1, -1, -1, -1]
    assert encoder.places(Codes.LEVELS, n_numbers=3) == [3]
    np.testing.assert_array_equal(matrix, encoder.transform(inputs))


def test_too_many_levels_to_be_taken_apart_are_coded_by_means() -> None:
    levels = {f"level {n}": LEVEL_ROWS for n in range(MOST_LEVELS + 1)}
    encoder, _, _ = fitted(Codes.LEVELS, levels, dict.fromkeys(levels, 0.5))
    assert encoder.places(Codes.LEVELS, n_numbers=0) == []
    assert encoder.places(Codes.MEANS, n_numbers=0) == [0]


@pytest.mark.parametrize("codes", Codes)
def test_onnx_gives_the_same_bits(codes: Codes) -> None:
    rng = np.random.default_rng(7)
    levels = np.array([f"ü {n}" for n in rng.zipf(1.3, 2_000)]).reshape(-1, 1)
    inputs = Inputs(rng.normal(size=(2_000, 1)).astype(np.float32), np.hstack([levels, levels[::-1]]))
    encoder, _ = fit_encoder(codes, inputs, rng.random(2_000), seed=7)
    asked = Inputs(inputs.numbers[:3], np.array([["ü 1", ""], ["", "never seen"], ["ü 2", "ü 3"]]))
    answer = _session(encoder).run(None, {"numbers": asked.numbers, "texts": asked.texts.astype(object)})[0]
    np.testing.assert_array_equal(answer, encoder.transform(asked))


def _session(encoder: Encoder) -> ort.InferenceSession:
    inputs = [
        helper.make_tensor_value_info("numbers", TensorProto.FLOAT, [None, 1]),
        helper.make_tensor_value_info("texts", TensorProto.STRING, [None, 2]),
    ]
    output = helper.make_tensor_value_info("matrix", TensorProto.FLOAT, [None, 3])
    graph = helper.make_graph(encoder.to_onnx("numbers", "texts", "matrix", 1), "encoding", inputs, [output])
    versions = [helper.make_opsetid("", 21), helper.make_opsetid("ai.onnx.ml", 3)]
    model = helper.make_model(graph, opset_imports=versions, ir_version=10)
    onnx.checker.check_model(model)
    return ort.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])


@pytest.mark.parametrize("algorithm", BINARY)
def test_a_category_of_thousands_of_levels_that_means_nothing_ruins_no_model(algorithm: str) -> None:
    rng = np.random.default_rng(7)
    rows, train = 8_000, 6_000
    numbers = rng.normal(size=(rows, 3)).astype(np.float32)
    target = (numbers @ [3, 2, -1] + rng.normal(size=rows) * 0.5 > 0).astype(float)
    levels = np.array([f"level {n}" for n in rng.integers(0, 4_000, rows)]).reshape(-1, 1)

    def auc(texts: Any) -> float:
        inputs, parameters = Inputs(numbers, texts), quick_parameters(algorithm)
        learned = fit(algorithm, parameters, dataset_of(Task.BINARY, inputs, target), slice(train), seed=7)
        return roc_auc(target[train:], learned.predict(inputs[train:]))

    assert auc(levels) > auc(levels[:, :0]) - 0.01
