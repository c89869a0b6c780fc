"""Counts by hand."""

from typing import Any

import numpy as np
import pytest

from everloop.contracts.tasks import Task
from everloop.scorer import Scorer
from everloop.training.statistics.decisions import decisions
from tests.samples import example, prepared
from tests.unit.training.conftest import fitted
from tests.unit.training.statistics.conftest import holdout, judged, takes_everything

TARGET = np.array([1.0, 1, 1, 0, 0, 0, 0, 0, 0, 0])
SCORE = np.array([0.9, 0.5, 0.2, 0.8, 0.15, 0.1, 0.1, 0.1, 0.1, 0.1])


def found(threshold: float, costs: dict[str, float] | None) -> Any:
    scorer = takes_everything()
    scorer.threshold = threshold
    definition = example(Task.BINARY, serving={"costs": costs})
    return decisions(judged(scorer, holdout({}, TARGET), definition=definition, score=SCORE))


def test_every_row_is_right_or_wrong_or_missed() -> None:
    counted = found(0.5, None)
    assert [counted[name] for name in ("true_positives", "false_positives", "false_negatives", "true_negatives")] == [
        2,
        1,
        1,
        6,
    ]
    assert (counted["precision"], counted["recall"]) == (pytest.approx(2 / 3), pytest.approx(2 / 3))
    assert counted["cost_per_row"] is None


def test_the_threshold_of_the_costs_is_cheaper_than_a_half() -> None:
    counted = found(0.2, {"false_positive": 1, "false_negative": 4})
    assert (counted["cost_per_row"], counted["cost_per_row_at_half"]) == (0.1, 0.5)


def test_without_a_positive_answer_there_is_no_precision() -> None:
    assert found(0.95, None)["precision"] is None


def test_a_value_is_no_label() -> None:
    scorer = Scorer(fitted("ridge", Task.REGRESSION).judged)
    assert decisions(judged(scorer, prepared(Task.REGRESSION))) is None
