"""One temperature for the log-probabilities of all classes, so that the likeliest class stays the likeliest.

Guo, Pleiss, Sun and Weinberger, On Calibration of Modern Neural Networks (ICML 2017), section 4.2.
"""

from dataclasses import dataclass
from typing import Self

import numpy as np
from onnx import NodeProto, TensorProto

from everloop.metrics import Floats
from everloop.training.calibration.curve import SMALLEST, newton, nodes_of


@dataclass(frozen=True)
class Temperature:
    """`score` is [n, classes]."""

    slope: float
    """1 / temperature."""

    @classmethod
    def fit(cls, score: Floats, target: Floats) -> Self:
        """Targets are a little inside of 0 and 1, as in Platt (1999); what is taken away the other classes share."""
        rows, classes = score.shape
        label = target.astype(int)
        counts = np.bincount(label, minlength=classes)
        rest = (1 / (counts + 2) / (classes - 1))[label]
        logs = _logs(score)
        own = logs[np.arange(rows), label]
        wanted = own + rest * (logs - own[:, None]).sum(axis=1)
        """Mean logarithm over the classes, as the row's target weighs them."""

        def cross_entropy(curve: Floats) -> tuple[float, Floats, Floats]:
            scaled = curve[0] * logs
            answer = _softmax(scaled)
            mean = (answer * logs).sum(axis=1)
            spread = (answer * (logs - mean[:, None]) ** 2).sum()
            top = scaled.max(axis=1)
            loss = (top + np.log(np.exp(scaled - top[:, None]).sum(axis=1)) - curve[0] * wanted).sum()
            return float(loss), np.array([(mean - wanted).sum()]), np.array([[spread]])

        return cls(float(newton(cross_entropy, (1.0,), rows)[0]))

    def apply(self, score: Floats) -> Floats:
        return _softmax(self.slope * _logs(score))

    def to_onnx(self, source: str, output: str) -> tuple[list[NodeProto], list[TensorProto]]:
        steps = [
            ("Max", ["wide", "least"], "clipped"),
            ("Log", ["clipped"], "logs"),
            ("Mul", ["logs", "slope"], "scaled"),
            ("Softmax", ["scaled"], "calibrated"),
        ]
        return nodes_of(steps, {"least": SMALLEST, "slope": self.slope}, source, output)


def _logs(score: Floats) -> Floats:
    logs: Floats = np.log(np.maximum(score, SMALLEST))
    return logs


def _softmax(scaled: Floats) -> Floats:
    powers = np.exp(scaled - scaled.max(axis=1, keepdims=True))
    shares: Floats = powers / powers.sum(axis=1, keepdims=True)
    return shares
