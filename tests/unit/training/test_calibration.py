"""Probabilities are bent where that helps, beyond chance, and the graph bends them just so."""

from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import pytest
from onnx import TensorProto, helper
from sklearn.linear_model import LogisticRegression

from everloop.contracts.definition import Task
from everloop.scorer import Scorer
from everloop.training.algorithms import load_algorithm
from everloop.training.calibration import Calibration, fit_calibration
from everloop.training.candidate import PARITY_TOLERANCE, fit_candidate
from tests.samples import example, plain_features, prepared, quick_parameters

Floats = npt.NDArray[np.float64]
EXACT = Calibration(slope=0.4, intercept=-1.3, gain=0.1, standard_error=0.01)


def folds(
    slope: float = 1.0, intercept: float = 0.0, *, rows: int = 3_000, seed: int = 0
) -> list[tuple[Floats, Floats]]:
    """Scores whose truth is the curve of these."""
    rng = np.random.default_rng(seed)
    margin = rng.normal(size=rows) * 2
    truth = 1 / (1 + np.exp(-(slope * margin + intercept)))
    target = (rng.random(rows) < truth).astype(float)
    score = 1 / (1 + np.exp(-margin))
    return list(zip(np.array_split(score, 3), np.array_split(target, 3), strict=True))


@pytest.mark.parametrize(("slope", "intercept"), [(0.4, 0.0), (1.0, -1.5), (2.0, 0.7)])
def test_the_curve_is_found(slope: float, intercept: float) -> None:
    found = fit_calibration(folds(slope, intercept, rows=30_000))
    assert (found.slope, found.intercept) == pytest.approx((slope, intercept), abs=0.1)
    assert found.helps


def test_the_curve_is_that_of_scikit_learn() -> None:
    given = folds(0.5, 1)
    score, target = (np.concatenate(parts) for parts in zip(*given, strict=True))
    theirs = LogisticRegression(C=np.inf, tol=1e-10).fit(np.log(score / (1 - score)).reshape(-1, 1), target)
    found = fit_calibration(given)
    assert found.slope == pytest.approx(theirs.coef_[0, 0], abs=2e-3)
    assert found.intercept == pytest.approx(theirs.intercept_[0], abs=2e-3)


@pytest.mark.parametrize("seed", range(5))
def test_what_keeps_its_promises_is_left_alone(seed: int) -> None:
    found = fit_calibration(folds(seed=seed))
    assert abs(found.slope - 1) < 0.1
    assert not found.helps or found.gain < 1e-3


def test_a_falling_curve_is_never_taken() -> None:
    found = fit_calibration(folds(-1.0))
    assert found.gain > found.standard_error
    assert not found.helps


@pytest.mark.parametrize("target", [np.zeros(300), np.ones(300), np.arange(300) % 2], ids=["none", "all", "parted"])
def test_scores_that_part_the_classes_or_folds_of_one_class_have_a_curve(target: Any) -> None:
    score = np.where(target > 0.5, 1.0, 0.0)
    found = fit_calibration([(score[i::3], target[i::3].astype(float)) for i in range(3)])
    assert np.isfinite([found.slope, found.intercept, found.gain, found.standard_error]).all()


def test_the_graph_bends_as_the_formula_does_at_the_extremes_too() -> None:
    score = np.array([0, 1e-12, 1e-7, 1e-3, 0.2, 0.5, 0.999, 1 - 1e-7, 1], dtype=np.float32)
    nodes, constants = EXACT.to_onnx("given", "bent")
    described = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [None, 1]) for name in ("given", "bent")]
    graph = helper.make_graph(nodes, "curve", described[:1], described[1:], initializer=constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10)
    onnx.checker.check_model(model)
    from onnxruntime import InferenceSession

    (bent,) = InferenceSession(model.SerializeToString()).run(None, {"given": score.reshape(-1, 1)})
    np.testing.assert_allclose(bent[:, 0], EXACT.apply(score.astype(np.float64)), rtol=1e-6)


@pytest.fixture
def overconfident(monkeypatch: pytest.MonkeyPatch) -> str:
    """Logistic regression that believes its own logits four times over."""
    learner = load_algorithm("logistic-regression")
    honest = learner.fit

    def fit(rows: Any, parameters: Any) -> Any:
        pipeline = honest(rows, parameters)
        pipeline[-1].coef_ *= 4
        pipeline[-1].intercept_ *= 4
        return pipeline

    monkeypatch.setattr(learner, "fit", fit)
    return "logistic-regression"


def test_an_overconfident_model_is_bent_and_still_answers_as_scikit_learn_does(overconfident: str) -> None:
    dataset, definition = prepared(Task.BINARY, rows=2_000), example(Task.BINARY)
    candidate = fit_candidate(overconfident, quick_parameters(overconfident), dataset, plain_features(), definition)
    assert candidate.calibration["taken"]
    assert candidate.calibration["slope"] == pytest.approx(0.25, abs=0.08)
    assert candidate.parity_difference <= PARITY_TOLERANCE
    kinds = [node.op_type for node in onnx.load_from_string(candidate.model).graph.node]
    assert kinds[-3:] == ["Add", "Sigmoid", "Cast"]


@pytest.mark.parametrize(("costs", "threshold"), [(None, 0.5), ({"false_positive": 1, "false_negative": 9}, 0.1)])
def test_the_model_carries_the_threshold_that_its_costs_give(costs: Any, threshold: float) -> None:
    definition = example(Task.BINARY, serving={"costs": costs})
    algorithm = "logistic-regression"
    parameters = quick_parameters(algorithm)
    candidate = fit_candidate(algorithm, parameters, prepared(Task.BINARY), plain_features(), definition)
    assert Scorer(candidate.model).threshold == Scorer(candidate.judged).threshold == pytest.approx(threshold)
