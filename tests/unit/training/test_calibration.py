"""Probabilities are bent where that helps, beyond chance, and the graph bends them just so."""

from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import pytest
from onnx import TensorProto, helper
from scipy.special import softmax
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.calibration import CalibratedClassifierCV
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression

from everloop.contracts.tasks import ALGORITHMS, Task
from everloop.scorer import Scorer
from everloop.training.algorithms import load_algorithm
from everloop.training.calibration import Calibration, fit_calibration
from everloop.training.calibration.curve import Curve
from everloop.training.calibration.platt import Platt
from everloop.training.calibration.temperature import Temperature
from everloop.training.candidate import PARITY_TOLERANCE, build_model, fit_candidate, measure_parity
from everloop.training.learned import fit
from tests.samples import example, plain_features, prepared, quick_parameters

Floats = npt.NDArray[np.float64]
CURVES: list[tuple[Curve, Floats]] = [
    (Platt(0.4, -1.3), np.array([[0], [1e-12], [1e-7], [1e-3], [0.2], [0.999], [0.99998], [1 - 1e-7], [1]])),
    (
        Temperature(0.4),
        np.array([[1, 0, 0], [1 - 1e-7, 1e-7, 0], [0.999, 1e-3, 1e-12], [0.2, 0.3, 0.5], [0, 0.5, 0.5]]),
    ),
]
"""Each with scores at the extremes."""


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


class Answers(ClassifierMixin, BaseEstimator):
    """A fitted classifier that answers row number n with its n-th score."""

    def __init__(self, score: Floats) -> None:
        self.score = score
        self.classes_ = np.arange(score.shape[1])

    def fit(self, *_: object) -> "Answers":
        return self

    def predict_proba(self, rows: npt.NDArray[np.int64]) -> Floats:
        return self.score[rows[:, 0]]

    def predict(self, rows: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        return self.predict_proba(rows).argmax(axis=1)


def folds_of_classes(
    slope: float = 1.0, *, rows: int = 3_000, classes: int = 4, seed: int = 0
) -> list[tuple[Floats, Floats]]:
    """Scores whose truth is sharper by the slope."""
    rng = np.random.default_rng(seed)
    margin = rng.normal(size=(rows, classes)) * 2
    truth, score = softmax(slope * margin, axis=1), softmax(margin, axis=1)
    target = (truth.cumsum(axis=1) < rng.random((rows, 1))).sum(axis=1).clip(max=classes - 1).astype(float)
    return list(zip(np.array_split(score, 3), np.array_split(target, 3), strict=True))


@pytest.mark.parametrize(("slope", "intercept"), [(0.4, 0.0), (1.0, -1.5), (2.0, 0.7)])
def test_the_curve_is_found(slope: float, intercept: float) -> None:
    found = fit_calibration(Platt, folds(slope, intercept, rows=30_000))
    assert isinstance(found.curve, Platt)
    assert (found.curve.slope, found.curve.intercept) == pytest.approx((slope, intercept), abs=0.1)
    assert found.helps


def test_the_curve_is_that_of_scikit_learn() -> None:
    given = folds(0.5, 1)
    score, target = (np.concatenate(parts) for parts in zip(*given, strict=True))
    theirs = LogisticRegression(C=np.inf, tol=1e-10).fit(np.log(score / (1 - score)).reshape(-1, 1), target)
    found = Platt.fit(score, target)
    assert found.slope == pytest.approx(theirs.coef_[0, 0], abs=2e-3)
    assert found.intercept == pytest.approx(theirs.intercept_[0], abs=2e-3)


@pytest.mark.parametrize("slope", [0.4, 2.0])
@pytest.mark.parametrize("classes", [2, 3, 30])
def test_the_temperature_is_found(slope: float, classes: int) -> None:
    found = fit_calibration(Temperature, folds_of_classes(slope, rows=30_000, classes=classes))
    assert found.curve.slope == pytest.approx(slope, rel=0.1)
    assert found.helps


def test_the_temperature_is_that_of_scikit_learn() -> None:
    score, target = (np.concatenate(parts) for parts in zip(*folds_of_classes(0.5), strict=True))
    theirs = CalibratedClassifierCV(FrozenEstimator(Answers(score)), method="temperature").fit(
        np.arange(len(score)).reshape(-1, 1), target
    )
    [calibrated] = theirs.calibrated_classifiers_
    assert Temperature.fit(score, target).slope == pytest.approx(calibrated.calibrators[0].beta_, abs=2e-3)


def test_the_temperature_of_two_classes_is_the_slope_of_a_curve_through_the_middle() -> None:
    score, target = (np.concatenate(parts) for parts in zip(*folds(0.5), strict=True))
    both = np.concatenate([score, 1 - score]), np.concatenate([target, 1 - target])
    pairs = np.column_stack([1 - score, score])
    assert Temperature.fit(pairs, target).slope == pytest.approx(Platt.fit(*both).slope, abs=1e-3)


def test_a_temperature_leaves_the_likeliest_class_the_likeliest() -> None:
    score = np.random.default_rng(0).dirichlet([1, 1, 1], 500)
    for slope in (0.05, 0.5, 7.0):
        assert (Temperature(slope).apply(score).argmax(axis=1) == score.argmax(axis=1)).all()


@pytest.mark.parametrize("seed", range(5))
def test_what_keeps_its_promises_is_left_alone(seed: int) -> None:
    for curve, given in ((Platt, folds(seed=seed)), (Temperature, folds_of_classes(seed=seed))):
        found = fit_calibration(curve, given)
        assert abs(found.curve.slope - 1) < 0.1
        assert not found.helps or found.gain < 1e-3


@pytest.mark.parametrize(("curve", "given"), [(Platt, folds(-1.0)), (Temperature, folds_of_classes(-1.0))])
def test_a_falling_curve_is_never_taken(curve: type[Curve], given: list[tuple[Floats, Floats]]) -> None:
    found = fit_calibration(curve, given)
    assert found.gain > found.standard_error
    assert not found.helps


@pytest.mark.parametrize("target", [np.zeros(300), np.ones(300), np.arange(300) % 2], ids=["none", "all", "parted"])
def test_scores_that_part_the_classes_or_folds_of_one_class_have_a_curve(target: Any) -> None:
    score = np.where(target > 0.5, 1.0, 0.0)
    for curve, of in ((Platt, score), (Temperature, np.column_stack([1 - score, score]))):
        found = fit_calibration(curve, [(of[i::3], target[i::3].astype(float)) for i in range(3)])
        assert np.isfinite([*vars(found.curve).values(), found.gain, found.standard_error]).all()


@pytest.mark.parametrize(("curve", "score"), CURVES, ids=lambda given: type(given).__name__)
def test_the_graph_bends_as_the_formula_does_at_the_extremes_too(curve: Curve, score: Floats) -> None:
    given = score if score.shape[1] > 1 else np.hstack([1 - score, score])
    nodes, constants = curve.to_onnx("given", "bent")
    widths = {"given": given.shape[1], "bent": score.shape[1]}
    described = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, [None, width]) for name, width in widths.items()
    ]
    graph = helper.make_graph(nodes, "curve", described[:1], described[1:], initializer=constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10)
    onnx.checker.check_model(model)
    from onnxruntime import InferenceSession

    (bent,) = InferenceSession(model.SerializeToString()).run(None, {"given": given.astype(np.float32)})
    np.testing.assert_allclose(bent, curve.apply(score), rtol=1e-6)


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


@pytest.mark.parametrize(("task", "last"), [(Task.BINARY, "Sigmoid"), (Task.MULTICLASS, "Softmax")])
def test_an_overconfident_model_is_bent_and_still_answers_as_scikit_learn_does(
    overconfident: str, task: Task, last: str
) -> None:
    dataset, definition = prepared(task, rows=2_000), example(task)
    candidate = fit_candidate(overconfident, quick_parameters(overconfident), dataset, plain_features(), definition)
    assert candidate.calibration["taken"]
    assert candidate.calibration["curve"]["slope"] == pytest.approx(0.25, abs=0.08)
    assert candidate.parity_difference <= PARITY_TOLERANCE
    kinds = [node.op_type for node in onnx.load_from_string(candidate.model).graph.node]
    assert kinds[-2:] == [last, "Cast"]


@pytest.mark.parametrize("algorithm", [name for name, tasks in ALGORITHMS.items() if Task.MULTICLASS in tasks])
@pytest.mark.parametrize("slope", [0.1, 0.3, 3.0])
def test_whatever_the_temperature_the_graph_answers_as_scikit_learn_does(algorithm: str, slope: float) -> None:
    """Zeros of trees and the float32 sums of others, at temperatures that blow small differences up."""
    dataset = prepared(Task.MULTICLASS)
    learned = fit(algorithm, quick_parameters(algorithm), dataset, dataset.train_rows, seed=7)
    calibration = Calibration(Temperature(slope), gain=1, standard_error=0)
    model = build_model(learned, dataset, plain_features(), calibration=calibration)
    difference, _ = measure_parity(model, learned, dataset, calibration=calibration)
    assert difference <= PARITY_TOLERANCE


@pytest.mark.parametrize(("costs", "threshold"), [(None, 0.5), ({"false_positive": 1, "false_negative": 9}, 0.1)])
def test_the_model_carries_the_threshold_that_its_costs_give(costs: Any, threshold: float) -> None:
    definition = example(Task.BINARY, serving={"costs": costs})
    algorithm = "logistic-regression"
    parameters = quick_parameters(algorithm)
    candidate = fit_candidate(algorithm, parameters, prepared(Task.BINARY), plain_features(), definition)
    assert Scorer(candidate.model).threshold == Scorer(candidate.judged).threshold == pytest.approx(threshold)
