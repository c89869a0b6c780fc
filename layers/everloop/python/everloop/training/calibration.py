"""Probability calibration: a logistic curve over the logits of a classifier's probabilities, taken where it helps.

Platt (1999) on logits instead of margins, so that slope 1 and intercept 0 change nothing.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from onnx import NodeProto, TensorProto, helper

from everloop.contracts.definition import Definition, Task
from everloop.contracts.splits import FOLDS, PARTS
from everloop.metrics import Floats, log_losses
from everloop.training.learned import fit
from everloop.training.prepared import PreparedDataset

_SMALLEST = 1e-5
"""Probabilities are clipped here before a logit. ONNX answers in steps of 6e-8 next to 0 and 1: nearer than this, such
a step could move the answer of a flat curve by more than the parity gate allows."""
_NEWTON_STEPS = 50
_CONVERGED = 1e-10


@dataclass(frozen=True)
class Calibration:
    slope: float
    intercept: float
    gain: float
    """By how much it lowers the log loss of rows it was not fitted on, mean over rows."""
    standard_error: float
    """Of the gain."""

    @property
    def helps(self) -> bool:
        """Beyond a standard error; a falling curve would turn the ranking round, and is never taken."""
        return self.slope > 0 and self.gain > self.standard_error

    def apply(self, score: Floats) -> Floats:
        return _sigmoid(self.slope * _logit(score) + self.intercept)

    def to_onnx(self, source: str, output: str) -> tuple[list[NodeProto], list[TensorProto]]:
        """Nodes and their initializers: float32 in and out, float64 between."""
        constants = {"least": _SMALLEST, "most": 1 - _SMALLEST, "one": 1.0}
        constants |= {"slope": self.slope, "intercept": self.intercept}
        steps = [
            ("Clip", ["wide", "least", "most"], "clipped"),
            ("Sub", ["one", "clipped"], "against"),
            ("Log", ["clipped"], "log_for"),
            ("Log", ["against"], "log_against"),
            ("Sub", ["log_for", "log_against"], "logit"),
            ("Mul", ["logit", "slope"], "scaled"),
            ("Add", ["scaled", "intercept"], "shifted"),
            ("Sigmoid", ["shifted"], "calibrated"),
        ]
        nodes = [helper.make_node("Cast", [source], [_name("wide")], to=TensorProto.DOUBLE)]
        nodes += [helper.make_node(kind, list(map(_name, takes)), [_name(gives)]) for kind, takes, gives in steps]
        nodes += [helper.make_node("Cast", [_name("calibrated")], [output], to=TensorProto.FLOAT)]
        return nodes, [helper.make_tensor(_name(n), TensorProto.DOUBLE, [], [value]) for n, value in constants.items()]


def calibrate(
    algorithm: str, parameters: dict[str, Any], dataset: PreparedDataset, definition: Definition
) -> Calibration | None:
    """The curve over out-of-fold scores of the training rows; None for what answers no probability of one class."""
    if dataset.task is not Task.BINARY:
        return None
    folds = [_out_of_fold(algorithm, parameters, dataset, definition, fold) for fold in range(FOLDS)]
    return fit_calibration(folds)


def fit_calibration(folds: list[tuple[Floats, Floats]]) -> Calibration:
    """`folds`: score and target of rows that the model which scored them had not seen."""
    gains = []
    for held_out, (score, target) in enumerate(folds):
        slope, intercept = _fit_curve(*_joined([fold for number, fold in enumerate(folds) if number != held_out]))
        curved = _sigmoid(slope * _logit(score) + intercept)
        gains.append(log_losses(target, score) - log_losses(target, curved))
    gain = np.concatenate(gains)
    slope, intercept = _fit_curve(*_joined(folds))
    return Calibration(slope, intercept, float(gain.mean()), float(gain.std(ddof=1) / np.sqrt(len(gain))))


def _out_of_fold(
    algorithm: str, parameters: dict[str, Any], dataset: PreparedDataset, definition: Definition, fold: int
) -> tuple[Floats, Floats]:
    """As a trial of the search is judged: fitted on the oldest rows, scored on the next part."""
    inputs, target = dataset.train
    start, end = (int(len(target) * (PARTS - FOLDS + fold + step) / PARTS) for step in (0, 1))
    learned = fit(algorithm, parameters, dataset, slice(start), seed=definition.training.seed)
    return learned.predict(inputs[start:end]), target[start:end]


def _joined(folds: list[tuple[Floats, Floats]]) -> tuple[Floats, Floats]:
    return np.concatenate([score for score, _ in folds]), np.concatenate([target for _, target in folds])


def _fit_curve(score: Floats, target: Floats) -> tuple[float, float]:
    """Slope and intercept of the largest likelihood by Newton's method.

    Targets are a little inside of 0 and 1, as Platt (1999) has them: classes that a score parts perfectly would
    otherwise make the curve infinitely steep.
    """
    positives = target.sum()
    wanted = np.where(target > 0.5, (positives + 1) / (positives + 2), 1 / (len(target) - positives + 2))
    design = np.column_stack([_logit(score), np.ones(len(score))])
    curve = np.array([1.0, 0.0])
    loss = _cross_entropy(design, wanted, curve)
    for _ in range(_NEWTON_STEPS):
        answer = _sigmoid((design * curve).sum(axis=1))
        gradient = (design * (answer - wanted)[:, None]).sum(axis=0)
        weighted = design * (answer * (1 - answer))[:, None]
        hessian = np.array([[(weighted[:, i] * design[:, j]).sum() for j in (0, 1)] for i in (0, 1)])
        step = np.linalg.solve(hessian + 1e-9 * len(score) * np.eye(2), gradient)
        while (better := _cross_entropy(design, wanted, curve - step)) > loss and np.abs(step).max() > _CONVERGED:
            step /= 2
        curve, loss = curve - step, better
        if np.abs(step).max() <= _CONVERGED:
            break
    return float(curve[0]), float(curve[1])


def _cross_entropy(design: Floats, wanted: Floats, curve: Floats) -> float:
    margin = (design * curve).sum(axis=1)
    return float((np.logaddexp(0, margin) - wanted * margin).sum())


def _logit(score: Floats) -> Floats:
    clipped = np.clip(score, _SMALLEST, 1 - _SMALLEST)
    logits: Floats = np.log(clipped) - np.log(1 - clipped)
    return logits


def _sigmoid(margin: Floats) -> Floats:
    probabilities: Floats = np.exp(-np.logaddexp(0, -margin))
    return probabilities


def _name(of: str) -> str:
    return f"calibration_{of}"
