"""What all algorithms keep: rare classes, wide data, nulls in any column, and files that load fast."""

import time
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper
from skl2onnx import to_onnx

from everloop.contracts.tasks import ALGORITHMS, Task
from everloop.metrics import log_loss, roc_auc
from everloop.scorer import Scorer
from everloop.training.algorithms import load_algorithm
from everloop.training.algorithms._balance import class_weights, log_odds_shift
from everloop.training.algorithms._standardizer import FARTHEST, Standardizer
from everloop.training.candidate import PARITY_TOLERANCE, fit_candidate
from everloop.training.learned import fit
from everloop.training.prepared import Inputs, PreparedDataset
from tests.samples import LEARNERS, dataset_of, example, plain_features, prepared, quick_parameters

BALANCED = [(name, task) for name, task in LEARNERS if "balanced" in load_algorithm(name).SPACE]
CLASSIFIERS = [(name, task) for name, task in BALANCED if task is not Task.REGRESSION]
WIDE = 752
"""Columns of a real data set of sensors."""


@pytest.mark.parametrize(("algorithm", "task"), BALANCED)
def test_parity_holds_with_balanced_classes(algorithm: str, task: Task) -> None:
    parameters = quick_parameters(algorithm) | {"balanced": True}
    candidate = fit_candidate(algorithm, parameters, prepared(task), plain_features(), example(task))
    assert candidate.parity_difference <= PARITY_TOLERANCE


@pytest.mark.parametrize(("algorithm", "task"), CLASSIFIERS)
def test_rare_classes_may_weigh_more_and_scores_stay_probabilities(algorithm: str, task: Task) -> None:
    rng = np.random.default_rng(7)
    numbers = rng.normal(size=(6_000, 4)).astype(np.float32)
    signal = numbers @ [1.0, 1, 0, 0] + rng.normal(size=6_000)
    target = np.digitize(signal, [3.0] if task is Task.BINARY else [-3.0, 3.0]).astype(float)
    inputs = Inputs(numbers, np.zeros((6_000, 0), np.str_))
    dataset = dataset_of(task, inputs, target)

    def scores(*, balanced: bool) -> Any:
        parameters = quick_parameters(algorithm) | {"balanced": balanced}
        return fit(algorithm, parameters, dataset, slice(4_000), seed=7).predict(inputs[4_000:])

    balanced, plain = scores(balanced=True), scores(balanced=False)
    assert not np.allclose(balanced, plain, atol=1e-3)
    rare = balanced if task is Task.BINARY else balanced[:, 2]
    assert roc_auc((target[4_000:] == target.max()).astype(float), rare) > 0.9
    assert rare.mean() == pytest.approx((target == target.max()).mean(), abs=0.05)
    assert log_loss(target[4_000:], balanced) < log_loss(target[4_000:], plain) + 0.1


def test_weights_are_those_of_scikit_learn_and_their_shift_is_in_log_odds() -> None:
    labels = np.array([0] * 90 + [1] * 10)
    np.testing.assert_allclose(class_weights(labels), [100 / 180, 5])
    np.testing.assert_allclose(log_odds_shift(labels), [np.log(9)])
    np.testing.assert_allclose(log_odds_shift(np.array([0, 0, 1, 2])), np.log([2 / 3, 4 / 3, 4 / 3]))


def wide(task: Task, columns: int = WIDE, rows: int = 500) -> tuple[PreparedDataset, onnx.ModelProto]:
    """So many numbers, a tenth of them null, of which two say what the target is."""
    rng = np.random.default_rng(7)
    names = [f"n{place}" for place in range(columns)]
    raw = rng.normal(size=(rows, columns)) * np.geomspace(1e-6, 1e6, columns)
    signal = raw[:, 0] * 1e6 + raw[:, -1] / 1e6
    raw[rng.random(raw.shape) < 0.1] = np.nan
    target = {
        Task.BINARY: (signal > 0).astype(float),
        Task.MULTICLASS: np.digitize(signal, [-0.7, 0.7]).astype(float),
        Task.REGRESSION: signal,
    }[task]
    extremes = np.array([np.nan, 1e12, -1e12, 0.1])
    probes = np.stack([np.roll(np.resize(extremes, columns), turn) for turn in range(4)])
    split, none = rows - 200, np.zeros((rows, 0), np.str_)
    dataset = prepared(
        task,
        number_names=names,
        text_names=[],
        inputs=Inputs(raw.astype(np.float32), none),
        target=target,
        holdout_raw={name: raw[split:, [place]] for place, name in enumerate(names)},
        probes=Inputs(probes.astype(np.float32), none[:4]),
        probes_raw={name: probes[:, [place]] for place, name in enumerate(names)},
    )
    graph = helper.make_graph(
        [
            helper.make_node("Concat", names, ["doubles"], axis=1),
            helper.make_node("Cast", ["doubles"], ["numbers"], to=TensorProto.FLOAT),
        ],
        "features",
        [helper.make_tensor_value_info(name, TensorProto.DOUBLE, [None, 1]) for name in names],
        [helper.make_tensor_value_info("numbers", TensorProto.FLOAT, [None, columns])],
    )
    return dataset, helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10)


@pytest.mark.parametrize("columns", [4, WIDE])
@pytest.mark.parametrize(("algorithm", "task"), LEARNERS)
def test_hundreds_of_columns_work_as_well_as_four(algorithm: str, task: Task, columns: int) -> None:
    dataset, features = wide(task, columns)
    parameters = quick_parameters(algorithm)
    parameters |= dict.fromkeys({"max_features"} & parameters.keys(), "sqrt")
    candidate = fit_candidate(algorithm, parameters, dataset, features, example(task))
    assert candidate.parity_difference <= PARITY_TOLERANCE
    assert np.isfinite(Scorer(candidate.model).score(dataset.probes_raw)).all()


@pytest.mark.parametrize(("algorithm", "task"), LEARNERS)
def test_a_column_that_came_later_is_null_in_all_rows_of_a_fit(algorithm: str, task: Task) -> None:
    dataset = prepared(task)
    dataset.inputs.numbers[dataset.train_rows, 0] = np.nan
    candidate = fit_candidate(algorithm, quick_parameters(algorithm), dataset, plain_features(), example(task))
    assert candidate.parity_difference <= PARITY_TOLERANCE


@pytest.mark.parametrize(("algorithm", "task"), LEARNERS)
def test_parity_holds_where_an_unseen_level_lies_on_a_threshold(algorithm: str, task: Task) -> None:
    """Its code is the mean of all: of two levels that are equally frequent the midpoint, where a tree splits them."""
    plain = prepared(task)
    levels = np.tile(np.array(["AA", "DL"], np.str_), len(plain.inputs) // 2)
    classes = 3 if task is Task.MULTICLASS else 2
    target = np.random.default_rng(2).integers(0, classes, len(levels)) * (levels == "AA") * 1.1
    target = target if task is Task.REGRESSION else target.round()
    raw = plain.holdout_raw | {"c": levels[-plain.holdout_rows :].astype(object).reshape(-1, 1)}
    inputs = Inputs(plain.inputs.numbers, levels.reshape(-1, 1))
    dataset = prepared(task, inputs=inputs, target=target, holdout_raw=raw)
    candidate = fit_candidate(algorithm, quick_parameters(algorithm), dataset, plain_features(), example(task))
    assert candidate.parity_difference <= PARITY_TOLERANCE


@pytest.mark.parametrize("algorithm", ["random-forest", "extra-trees"])
def test_the_largest_forest_is_small_and_answers_fast(algorithm: str) -> None:
    rng = np.random.default_rng(7)
    numbers = rng.normal(size=(5_000, 2)).astype(np.float32)
    none = np.zeros((5_000, 0), np.str_)
    dataset, features = wide(Task.REGRESSION, 2)
    vars(dataset).update(inputs=Inputs(numbers, none), target=rng.normal(size=5_000))
    largest = {"max_leaf_nodes": 400, "max_features": 0.5, "min_samples_leaf": 2}
    candidate = fit_candidate(algorithm, largest, dataset, features, example(Task.REGRESSION))
    assert max(load_algorithm(algorithm).SPACE["max_leaf_nodes"]) == 400
    assert len(candidate.model) < 5 * 2**20
    scorer = Scorer(candidate.model)
    row = {name: values[:1] for name, values in dataset.probes_raw.items()}
    times = []
    for _ in range(20):
        started = time.perf_counter()
        scorer.score(row)
        times.append(time.perf_counter() - started)
    assert np.median(times) < 0.005


# Numbers for models that add columns up


def test_numbers_are_standardised_nulls_flagged_and_wild_values_held() -> None:
    matrix = np.array([[1, 5, np.nan], [3, 5, 2], [np.nan, 5, 4], [2, 5, 6]], np.float32)
    fitted = Standardizer().fit(matrix)
    result = fitted.transform(np.array([[2, 5, np.nan], [np.nan, 7, 1e12]], np.float32))
    np.testing.assert_allclose(result, [[0, 0, 0, 0, 1], [0, 0, FARTHEST, 1, 0]], atol=1e-6)


@pytest.mark.parametrize("nulls", [True, False])
def test_the_standardizer_converts_to_the_same_bits(nulls: bool) -> None:
    rng = np.random.default_rng(7)
    matrix = (rng.lognormal(size=(500, 5)) * [1e-30, 1, 1e6, 0, 1e30]).astype(np.float32)
    if nulls:
        matrix[rng.random(matrix.shape) < 0.2] = np.nan
        matrix[:, 1] = np.nan
    fitted = Standardizer().fit(matrix)
    asked = np.vstack([matrix, np.full((1, 5), np.nan), np.full((1, 5), 3e38), np.full((1, 5), -3e38)])
    asked = asked.astype(np.float32)
    [converted] = _run(to_onnx(fitted, asked[:1], target_opset={"": 21, "ai.onnx.ml": 3}), asked)
    np.testing.assert_array_equal(converted, fitted.transform(asked))
    assert np.isfinite(converted).all()


def _run(model: onnx.ModelProto, matrix: Any) -> Any:
    import onnxruntime as ort

    session = ort.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    return session.run(None, {session.get_inputs()[0].name: matrix})


def test_every_algorithm_of_the_table_has_its_own_file() -> None:
    for name in ALGORITHMS:
        module = load_algorithm(name)
        assert module.__name__.endswith(name.replace("-", "_"))  # type: ignore[attr-defined]  # a module
