"""Rare classes weigh as much as frequent ones while a model is fitted; its answers stay probabilities of real rows.

Weighting moves the log-odds of each class by the logarithm of its weight, which is taken off again afterwards (King and
Zeng, Logistic Regression in Rare Events Data, 2001, section 4.2).
"""

from typing import Any

import numpy as np
import numpy.typing as npt

from everloop.metrics import Floats


def class_weights(labels: npt.NDArray[Any]) -> Floats:
    """[classes], so that all classes weigh the same in sum and the mean weight of a row is 1."""
    counts = np.bincount(labels)
    return len(labels) / (len(counts) * counts)


def log_odds_shift(labels: npt.NDArray[Any]) -> Floats:
    """By how much the weights raise each raw score: [1] for two classes, else [classes]."""
    logs = np.log(class_weights(labels))
    return logs[1:] - logs[:1] if len(logs) == 2 else logs
