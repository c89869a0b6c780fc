"""The table of losses: what one answer costs, given what really happened; lower is better."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from everloop.contracts.definition import Definition
from everloop.contracts.tasks import Task
from everloop.monitoring.comparable import Floats, Texts, comparable


class Loss(NamedTuple):
    name: str
    of_rows: Callable[[Definition, Texts, Floats, Texts], Floats]
    """Definition, actual, score and label [n] as they are logged → loss [n]; NaN where the answer has no such score."""


def brier(definition: Definition, actual: Texts, score: Floats, label: Texts) -> Floats:
    """Squared error of the probability, which only the true one minimises (Brier, Mon. Weather Rev. 1950)."""
    happened, probability = comparable(definition, actual, score, label)
    return (happened - probability) ** 2


def cost(definition: Definition, actual: Texts, score: Floats, label: Texts) -> Floats:
    """What the label costs by `serving.costs`; of a constant, which has none, the label that follows from it."""
    costs = definition.serving.costs
    assert costs is not None
    happened, probability = comparable(definition, actual, score, label)
    is_textual = definition.columns[definition.data.target].type.is_textual
    names = (str(definition.data.positive),) if is_textual else ("True", "1", "1.0")
    positive = np.isin(label, names) | ((label == "") & (probability >= costs.threshold))
    return np.where(positive, costs.false_positive * (1 - happened), costs.false_negative * happened)


def error(definition: Definition, actual: Texts, score: Floats, label: Texts) -> Floats:
    """1 for a wrong label."""
    happened, right = comparable(definition, actual, score, label)
    return happened - right


def absolute_error(definition: Definition, actual: Texts, score: Floats, label: Texts) -> Floats:
    """In units of the target."""
    happened, value = comparable(definition, actual, score, label)
    return np.abs(happened - value)


def miss(definition: Definition, actual: Texts, score: Floats, label: Texts) -> Floats:
    """1 for a recommendation of which nothing was taken."""
    _, relevance = comparable(definition, actual, score, label)
    return np.asarray(1 - relevance.any(axis=1).astype(np.float64))


COST = Loss("cost", cost)
LOSSES: dict[Task, Loss] = {
    Task.BINARY: Loss("brier", brier),
    Task.MULTICLASS: Loss("error", error),
    Task.REGRESSION: Loss("absolute_error", absolute_error),
    Task.FORECASTING: Loss("absolute_error", absolute_error),
    Task.RECOMMENDATION: Loss("miss", miss),
}


def loss_of(definition: Definition) -> Loss:
    return COST if definition.serving.costs else LOSSES[definition.task]
