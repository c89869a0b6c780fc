"""Metrics of recommendations, counted by hand: three users who took 1, 2 and 5 items, and were recommended three."""

import math

import numpy as np
import pytest

from everloop import metrics as ours
from everloop.contracts.tasks import METRICS, Task

TAKEN = np.array([1.0, 2.0, 5.0])
RELEVANCE = np.array([[0.0, 1.0, 0.0], [0.0, 0.0, 0.0], [1.0, 0.0, 1.0]])


def test_a_user_who_takes_any_recommended_item_is_a_hit() -> None:
    assert ours.hit_rate(TAKEN, RELEVANCE) == pytest.approx(2 / 3)


def test_recall_is_of_what_could_be_recommended() -> None:
    assert ours.recall(TAKEN, RELEVANCE) == pytest.approx((1 / 1 + 0 / 2 + 2 / 3) / 3)


def test_a_hit_in_a_better_place_gains_more() -> None:
    second, third = 1 / math.log2(3), 1 / math.log2(4)
    expected = (second / 1 + 0 + (1 + third) / (1 + second + third)) / 3
    assert ours.ndcg(TAKEN, RELEVANCE) == pytest.approx(expected)
    assert ours.ndcg(np.array([2.0]), np.array([[1.0, 1.0, 0.0]])) == 1


@pytest.mark.parametrize("name", METRICS[Task.RECOMMENDATION])
def test_a_weight_is_how_often_a_user_was_drawn(name: str) -> None:
    drawn = np.array([0, 2, 2, 0, 1])
    weighted = ours.WEIGHTED_METRICS[name](TAKEN, RELEVANCE)(np.bincount(drawn).astype(float))
    assert weighted == pytest.approx(ours.METRICS[name](TAKEN[drawn], RELEVANCE[drawn]))
