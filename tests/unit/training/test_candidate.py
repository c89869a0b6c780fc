"""One ONNX model from raw columns to the answer, and the proof that it answers as scikit-learn does."""

from typing import Any

import numpy as np
import onnx
import pytest
from sklearn.ensemble import HistGradientBoostingRegressor

from everloop.contracts.tasks import Task
from everloop.metrics import METRICS
from everloop.scorer import Scorer
from everloop.training.candidate import PARITY_TOLERANCE, Candidate, build_model, fit_candidate, measure_parity
from everloop.training.learned import fit
from everloop.training.prepared import Inputs
from tests.samples import CLASSES, LEARNERS, example, plain_features, prepared, quick_parameters
from tests.unit.training.conftest import fitted


@pytest.mark.parametrize(("algorithm", "task"), LEARNERS)
def test_the_model_answers_as_scikit_learn_does_on_nulls_unseen_levels_and_extremes(algorithm: str, task: Task) -> None:
    candidate = fitted(algorithm, task)
    assert candidate.parity_difference <= PARITY_TOLERANCE
    dataset = prepared(task)
    assert candidate.parity_rows == 2 * (dataset.holdout_rows + len(dataset.probes))


@pytest.mark.parametrize(("algorithm", "task"), LEARNERS)
def test_the_parity_is_what_an_independent_comparison_finds(algorithm: str, task: Task) -> None:
    """By hand, without measure_parity: the judged model over the holdout against a fresh fit."""
    dataset, candidate = prepared(task), fitted(algorithm, task)
    learned = fit(algorithm, candidate.parameters, dataset, dataset.train_rows, seed=7)
    expected = learned.predict(dataset.holdout[0])
    if candidate.calibration.get("taken"):
        curve, clipped = candidate.calibration["curve"], np.clip(expected, 1e-5, 1 - 1e-5)
        if task is Task.BINARY:
            expected = 1 / (1 + np.exp(-curve["slope"] * np.log(clipped / (1 - clipped)) - curve["intercept"]))
        else:
            powers = np.maximum(expected, 1e-5) ** curve["slope"]
            expected = powers / powers.sum(axis=1, keepdims=True)
    scorer = Scorer(candidate.judged)
    np.testing.assert_allclose(scorer.score(dataset.holdout_raw), expected, atol=1e-4, rtol=1e-5)
    assert (scorer.task, scorer.classes) == (task, CLASSES[task])
    assert scorer.inputs == {"a": False, "b": False, "c": True}


@pytest.mark.parametrize("draw", range(1, 4))
@pytest.mark.parametrize(("algorithm", "task"), LEARNERS)
def test_parity_holds_for_other_parameters_and_data(algorithm: str, task: Task, draw: int) -> None:
    parameters = quick_parameters(algorithm, draw, seed=draw)
    dataset = prepared(task, rows=400, holdout_rows=100, seed=draw)
    candidate = fit_candidate(algorithm, parameters, dataset, plain_features(), example(task))
    assert candidate.parity_difference <= PARITY_TOLERANCE


@pytest.mark.parametrize(("algorithm", "task"), LEARNERS)
def test_the_same_seed_gives_the_same_model_to_the_byte(algorithm: str, task: Task) -> None:
    first = fitted(algorithm, task)
    again = fit_candidate(algorithm, first.parameters, prepared(task), plain_features(), example(task))
    assert again.model == first.model
    assert again.judged == first.judged
    onnx.checker.check_model(onnx.load_from_string(first.model))


def test_the_judged_model_never_saw_the_holdout_and_the_shipped_one_did() -> None:
    poisoned = prepared(Task.REGRESSION)
    poisoned.target[-poisoned.holdout_rows :] += 1_000
    clean = fitted("ridge", Task.REGRESSION)
    candidate = fit_candidate("ridge", clean.parameters, poisoned, plain_features(), example(Task.REGRESSION))
    assert candidate.judged == clean.judged
    assert candidate.model != clean.model


def test_a_candidate_comes_back_from_its_files(candidate: Candidate) -> None:
    assert Candidate.from_files(candidate.to_files().__getitem__) == candidate


@pytest.mark.parametrize("names", [("numbers",), ("texts",)], ids=["numbers only", "texts only"])
@pytest.mark.parametrize(("algorithm", "task"), LEARNERS)
def test_a_dataset_may_have_numbers_or_texts_alone(algorithm: str, task: Task, names: tuple[str]) -> None:
    whole = prepared(task, rows=300, holdout_rows=100)
    numbers, texts = "numbers" in names, "texts" in names

    def cut(inputs: Inputs) -> Inputs:
        return Inputs(inputs.numbers[:, : 2 * numbers], inputs.texts[:, : 1 * texts])

    keep = ("a", "b") if numbers else ("c",)
    dataset = prepared(
        task,
        rows=300,
        holdout_rows=100,
        number_names=["a", "b"] if numbers else [],
        text_names=["c"] if texts else [],
        inputs=cut(whole.inputs),
        probes=cut(whole.probes),
        holdout_raw={name: whole.holdout_raw[name] for name in keep},
        probes_raw={name: whole.probes_raw[name] for name in keep},
    )
    candidate = fit_candidate(algorithm, quick_parameters(algorithm), dataset, _front(names), example(task))
    assert candidate.parity_difference <= PARITY_TOLERANCE


def _front(names: tuple[str, ...]) -> onnx.ModelProto:
    """The part of the plain features that leads to these outputs."""
    features = plain_features()
    graph = features.graph
    kept = [output for output in graph.output if output.name in names]
    nodes = graph.node[:2] if "numbers" in names else graph.node[2:]
    inputs = graph.input[:2] if "numbers" in names else graph.input[2:]
    cut = onnx.helper.make_graph(list(nodes), "features", list(inputs), kept)
    return onnx.helper.make_model(cut, opset_imports=list(features.opset_import), ir_version=10)


class _AnswersNaN(HistGradientBoostingRegressor):
    """Answers NaN where the converted model answers a number."""

    def predict(self, matrix: Any) -> Any:
        return np.where(np.isnan(matrix[:, 0]), np.nan, super().predict(matrix))


def test_an_answer_that_cannot_be_compared_counts_as_different() -> None:
    dataset = prepared(Task.REGRESSION)
    parameters = {"max_iter": 5, "balanced": False}
    learned = fit("hist-gradient-boosting", parameters, dataset, dataset.train_rows, seed=7)
    model = build_model(learned, dataset, plain_features())
    learned.estimator.__class__ = _AnswersNaN
    difference, _ = measure_parity(model, learned, dataset)
    assert difference > PARITY_TOLERANCE


@pytest.mark.parametrize(("algorithm", "task"), LEARNERS)
def test_every_algorithm_beats_the_naive_prediction_on_a_signal_that_is_there(algorithm: str, task: Task) -> None:
    dataset, candidate = prepared(task), fitted(algorithm, task)
    metric, naive = {Task.BINARY: ("roc_auc", 0.5), Task.MULTICLASS: ("accuracy", 0.45), Task.REGRESSION: ("r2", 0.0)}[
        task
    ]
    value = METRICS[metric](dataset.holdout[1], Scorer(candidate.judged).score(dataset.holdout_raw))
    assert value > naive + 0.15


def test_a_target_far_from_zero_is_held_to_its_spread() -> None:
    """An error of a standard deviation is no rounding, however large the values are."""
    near = prepared(Task.REGRESSION)
    far = prepared(Task.REGRESSION, target=near.target + 5e5)
    parameters = quick_parameters("hist-gradient-boosting")
    candidate = fit_candidate("hist-gradient-boosting", parameters, far, plain_features(), example(Task.REGRESSION))
    assert candidate.parity_difference <= PARITY_TOLERANCE
    learned = fit("hist-gradient-boosting", parameters, far, far.train_rows, seed=7)
    model = build_model(learned, far, plain_features())
    learned.estimator._baseline_prediction += far.target.std()
    difference, _ = measure_parity(model, learned, far)
    assert difference > PARITY_TOLERANCE
