"""A logistic curve over the logits of one probability.

Platt (1999) on logits instead of margins, so that slope 1 and intercept 0 change nothing.
"""

from dataclasses import dataclass
from typing import Self

import numpy as np
from onnx import NodeProto, TensorProto, helper

from everloop.metrics import Floats
from everloop.training.calibration.curve import SMALLEST, newton, nodes_of


@dataclass(frozen=True)
class Platt:
    """`score` is the probability of class 1, [n]."""

    slope: float
    intercept: float

    @classmethod
    def fit(cls, score: Floats, target: Floats) -> Self:
        """Targets are a little inside of 0 and 1, as Platt (1999) has them: classes that a score parts perfectly would
        otherwise make the curve infinitely steep.
        """
        positives = target.sum()
        wanted = np.where(target > 0.5, (positives + 1) / (positives + 2), 1 / (len(target) - positives + 2))
        design = np.column_stack([_logit(score), np.ones(len(score))])

        def cross_entropy(curve: Floats) -> tuple[float, Floats, Floats]:
            margin = (design * curve).sum(axis=1)
            answer = _sigmoid(margin)
            weighted = design * (answer * (1 - answer))[:, None]
            return (
                float((np.logaddexp(0, margin) - wanted * margin).sum()),
                (design * (answer - wanted)[:, None]).sum(axis=0),
                np.array([[(weighted[:, i] * design[:, j]).sum() for j in (0, 1)] for i in (0, 1)]),
            )

        slope, intercept = newton(cross_entropy, (1.0, 0.0), len(score))
        return cls(float(slope), float(intercept))

    def apply(self, score: Floats) -> Floats:
        return _sigmoid(self.slope * _logit(score) + self.intercept)

    def to_onnx(self, source: str, output: str) -> tuple[list[NodeProto], list[TensorProto]]:
        """`source` [n, 2] holds the probabilities of both classes.

        Next to 1 float32 has steps of 6e-8, and what is missing to 1 would be wrong by half a percent: it is read from
        the other class, of which it has 7 digits.
        """
        constants = {"least": SMALLEST, "most": 1 - SMALLEST, "slope": self.slope, "intercept": self.intercept}
        steps = [
            ("Clip", ["wide", "least", "most"], "clipped"),
            ("Log", ["clipped"], "logs"),
            ("MatMul", ["logs", "against_for"], "logit"),
            ("Mul", ["logit", "slope"], "scaled"),
            ("Add", ["scaled", "intercept"], "shifted"),
            ("Sigmoid", ["shifted"], "calibrated"),
        ]
        nodes, initializers = nodes_of(steps, constants, source, output)
        against_for = helper.make_tensor("calibration_against_for", TensorProto.DOUBLE, [2, 1], [-1.0, 1.0])
        return nodes, [*initializers, against_for]


def _logit(score: Floats) -> Floats:
    clipped = np.clip(score, SMALLEST, 1 - SMALLEST)
    logits: Floats = np.log(clipped) - np.log(1 - clipped)
    return logits


def _sigmoid(margin: Floats) -> Floats:
    probabilities: Floats = np.exp(-np.logaddexp(0, -margin))
    return probabilities
