"""Probability calibration: a curve over a classifier's probabilities, taken where it helps; one file for each curve."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from everloop.contracts.definition import Definition
from everloop.contracts.splits import FOLDS, PARTS
from everloop.contracts.tasks import Task
from everloop.metrics import Floats, log_losses
from everloop.training.calibration.curve import Curve
from everloop.training.calibration.platt import Platt
from everloop.training.calibration.temperature import Temperature
from everloop.training.learned import fit
from everloop.training.prepared import PreparedDataset

CURVES: dict[Task, type[Curve]] = {Task.BINARY: Platt, Task.MULTICLASS: Temperature}


@dataclass(frozen=True)
class Calibration:
    curve: Curve
    gain: float
    """By how much it lowers the log loss of rows it was not fitted on, mean over rows."""
    standard_error: float
    """Of the gain."""

    @property
    def helps(self) -> bool:
        """Beyond a standard error; a falling curve would turn the ranking round, and is never taken."""
        return self.curve.slope > 0 and self.gain > self.standard_error


def calibrate(
    algorithm: str, parameters: dict[str, Any], dataset: PreparedDataset, definition: Definition
) -> Calibration | None:
    """The curve over out-of-fold scores of the training rows; None for what answers no probabilities."""
    curve = CURVES.get(dataset.task)
    if curve is None:
        return None
    return fit_calibration(curve, [_out_of_fold(algorithm, parameters, dataset, definition, f) for f in range(FOLDS)])


def fit_calibration(curve: type[Curve], folds: list[tuple[Floats, Floats]]) -> Calibration:
    """`folds`: score and target of rows that the model which scored them had not seen."""
    gains = []
    for held_out, (score, target) in enumerate(folds):
        others = curve.fit(*_joined([fold for number, fold in enumerate(folds) if number != held_out]))
        gains.append(log_losses(target, score) - log_losses(target, others.apply(score)))
    gain = np.concatenate(gains)
    standard_error = float(gain.std(ddof=1) / np.sqrt(len(gain)))
    return Calibration(curve.fit(*_joined(folds)), float(gain.mean()), standard_error)


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
