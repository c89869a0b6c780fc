"""Whoever looks thirty times is fooled no more often than promised, whatever the losses are like."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pytest
from scipy import stats

from everloop.monitoring.statistics import sample_ratio
from everloop.monitoring.statistics.confidence_sequence import (
    SHARPEST_AT,
    boundary,
    difference_of_means,
    mean_of_pairs,
)

DAYS = 30
REPEATS = 200
ALLOWED = 0.05
Random = np.random.Generator


class Rows(NamedTuple):
    loss: npt.NDArray[np.float64]
    challenger: npt.NDArray[np.bool_]
    unit: npt.NDArray[np.int64]


def alone(draw: Callable[[Random, int], npt.NDArray[np.float64]]) -> Callable[[Random, int, float], Rows]:
    """Rows without entities."""
    return lambda random, n, share: Rows(draw(random, n), random.random(n) < share, np.arange(n))


def heavy_users(random: Random, n: int, share: float) -> Rows:
    """Each user is right or wrong in a way of his own, and some send a hundred times as many rows as others."""
    users = n // 20 + 20
    weight = random.pareto(1.3, users) + 1
    unit = random.choice(users, n, p=weight / weight.sum())
    chance = np.clip(random.normal(0.2, 0.2, users), 0.01, 0.99)
    return Rows((random.random(n) < chance[unit]).astype(float), (random.random(users) < share)[unit], unit)


ALIKE = {
    "one in a hundred is wrong": alone(lambda random, n: (random.random(n) < 0.01).astype(float)),
    "one in five is wrong": alone(lambda random, n: (random.random(n) < 0.2).astype(float)),
    "errors with heavy tails": alone(lambda random, n: np.abs(random.standard_t(2.5, n))),
    "skewed errors": alone(lambda random, n: random.lognormal(0, 1.5, n)),
    "heavy users": heavy_users,
}


def is_surprised(rows: Rows, n: int) -> bool:
    found = difference_of_means(rows.loss[:n], rows.challenger[:n], rows.unit[:n], np.zeros(n, np.int64))
    return found is not None and not found.low <= 0 <= found.high


def z_test_rejects(rows: Rows, n: int) -> bool:
    one, other = rows.loss[:n][~rows.challenger[:n]], rows.loss[:n][rows.challenger[:n]]
    spread = (one.var() / len(one) + other.var() / len(other)) ** 0.5 if min(len(one), len(other)) else 0
    return bool(spread) and abs(other.mean() - one.mean()) > 1.96 * spread


@pytest.mark.parametrize("share", [0.5, 0.05])
@pytest.mark.parametrize("alike", ALIKE)
def test_variants_that_are_alike_are_not_told_apart_by_looking_every_day(alike: str, share: float) -> None:
    random = np.random.default_rng(3)
    repeats = [ALIKE[alike](random, 100 * DAYS, share) for _ in range(REPEATS)]
    looks = [100 * day for day in range(1, DAYS + 1)]
    assert np.mean([any(is_surprised(rows, n) for n in looks) for rows in repeats]) <= ALLOWED
    assert np.mean([any(z_test_rejects(rows, n) for n in looks) for rows in repeats]) > 3 * ALLOWED


def test_a_share_that_grew_while_the_world_changed_is_no_difference() -> None:
    """Simpson's paradox: on the second day all rows are harder, and most of them are the challenger's."""
    random = np.random.default_rng(4)
    wrong, mixed = 0, []
    for _ in range(REPEATS):
        day = np.repeat([0, 1], 1_000)
        challenger = random.random(2_000) < np.array([0.05, 0.5])[day]
        loss = (random.random(2_000) < np.array([0.1, 0.4])[day]).astype(float)
        found = difference_of_means(loss, challenger, np.arange(2_000), day)
        wrong += found is not None and not found.low <= 0 <= found.high
        pooled = difference_of_means(loss, challenger, np.arange(2_000), np.zeros(2_000, np.int64))
        mixed.append(pooled is not None and pooled.low > 0)
    assert wrong / REPEATS <= ALLOWED
    assert np.mean(mixed) > 0.9


@pytest.mark.parametrize(("effect", "rows"), [(-0.05, 10_000), (0.1, 4_000)])
def test_a_true_difference_is_found_and_lies_within_the_bounds(effect: float, rows: int) -> None:
    random = np.random.default_rng(5)
    found = []
    for _ in range(50):
        challenger = random.random(rows) < 0.5
        loss = (random.random(rows) < 0.2 + effect * challenger).astype(float)
        found.append(difference_of_means(loss, challenger, np.arange(rows), np.zeros(rows, np.int64)))
    told = [each for each in found if each]
    assert np.mean([each.low <= effect <= each.high for each in told]) >= 1 - ALLOWED
    assert np.mean([each.high < 0 or each.low > 0 for each in told]) > 0.9
    assert np.mean([each.value for each in told]) == pytest.approx(effect, abs=0.005)


def test_pairs_find_what_two_groups_of_as_many_rows_cannot() -> None:
    random = np.random.default_rng(6)
    hard = random.lognormal(0, 1, 2_000)
    champion, challenger = hard + random.normal(0, 0.1, 2_000), hard * 0.98 + random.normal(0, 0.1, 2_000)
    pairs = mean_of_pairs(challenger - champion, np.arange(2_000))
    assert pairs is not None
    assert pairs.high < 0
    half = np.arange(2_000) % 2 == 0
    groups = difference_of_means(np.where(half, challenger, champion), half, np.arange(2_000), np.zeros(2_000, int))
    assert groups is not None
    assert groups.low < 0 < groups.high


def test_pairs_of_the_same_model_are_not_told_apart_by_looking_every_day() -> None:
    random = np.random.default_rng(7)
    wrong = 0
    for _ in range(REPEATS):
        rows = heavy_users(random, 100 * DAYS, 0.5)
        own = random.normal(0, 0.3, rows.unit.max() + 1)[rows.unit]
        excess = own + random.standard_t(3, len(own))
        found = [mean_of_pairs(excess[:n], rows.unit[:n]) for n in range(100, 100 * DAYS + 1, 100)]
        wrong += any(each is not None and not each.low <= 0 <= each.high for each in found)
    assert wrong / REPEATS <= ALLOWED


def test_rows_of_one_unit_count_as_one() -> None:
    """Each row sent ten times over tells nothing more."""
    random = np.random.default_rng(8)
    loss, challenger, unit = random.normal(1, 1, 500), random.random(500) < 0.5, np.arange(500)
    once = difference_of_means(loss, challenger, unit, np.zeros(500, int))
    tenfold = difference_of_means(*(np.tile(each, 10) for each in (loss, challenger, unit)), np.zeros(5_000, int))
    assert once is not None
    assert tenfold == pytest.approx(once, rel=1e-9)


@pytest.mark.parametrize(
    ("loss", "challenger"),
    [
        ([], []),
        ([1.0], [True]),
        ([1.0, 0.0, 1.0], [False, False, True]),
        ([0.1] * 100, [False, True] * 50),
    ],
    ids=["no rows", "one row", "one row of a variant", "all lost the same"],
)
def test_nothing_is_said_where_nothing_can_be(loss: list[float], challenger: list[bool]) -> None:
    nobody = np.zeros(len(loss), int)
    assert difference_of_means(np.array(loss), np.array(challenger, bool), np.arange(len(loss)), nobody) is None
    assert mean_of_pairs(np.zeros(len(loss)), np.arange(len(loss))) is None


def test_a_challenger_that_is_always_wrong_is_found_out_though_its_losses_do_not_vary() -> None:
    challenger = np.arange(100) % 2 == 0
    found = difference_of_means(challenger.astype(float), challenger, np.arange(100), np.zeros(100, int))
    assert found is not None
    assert found.value == 1
    assert found.low > 0


def test_rows_of_one_user_are_no_evidence_however_many() -> None:
    random = np.random.default_rng(9)
    challenger = np.repeat([False, True], 5_000)
    unit = np.concatenate([np.arange(5_000), np.full(5_000, 5_000)])
    found = difference_of_means(random.normal(challenger, 0.1), challenger, unit, np.zeros(10_000, int))
    assert found is None


def test_pairs_of_one_user_are_no_evidence_whatever_number_he_has() -> None:
    excess = np.random.default_rng(9).normal(1, 0.1, 100)
    for unit in (0, 1, 7):
        assert mean_of_pairs(excess, np.full(100, unit)) is None


def test_the_boundary_is_the_sharpest_where_it_says() -> None:
    rows = np.geomspace(10, 1e7, 2_000)
    assert rows[boundary(rows).argmin()] == pytest.approx(SHARPEST_AT, rel=0.15)
    at = boundary(np.array([0.1, 1.0, 100.0]) * SHARPEST_AT)
    assert at[0] / at[1] == pytest.approx(1.25, abs=0.04)
    assert at[2] / at[1] == pytest.approx(1.17, abs=0.02)


def test_the_boundary_is_crossed_by_a_random_walk_as_seldom_as_promised() -> None:
    """Looked at after every row, for 20,000 rows of each variant."""
    random = np.random.default_rng(10)
    rows = np.arange(1, 20_001)
    walks = np.cumsum(random.normal(size=(400, len(rows))), axis=1) / np.sqrt(rows)
    crossed = (np.abs(walks) > boundary(rows)).any(axis=1).mean()
    assert 0.005 < crossed <= ALLOWED


# Sample ratio


@pytest.mark.parametrize("share", [0.05, 0.5, 0.9])
def test_a_ratio_that_was_kept_is_seldom_called_a_mismatch(share: float) -> None:
    random = np.random.default_rng(11)
    alarms = 0
    for _ in range(500):
        challengers = np.cumsum(random.random((DAYS, 200)) < share, axis=None).reshape(DAYS, 200)[:, -1]
        seen = 200 * np.arange(1, DAYS + 1)
        alarms += any(
            sample_ratio.p_value(int(n - own), int(own), share) < 0.05 for n, own in zip(seen, challengers, strict=True)
        )
    assert alarms / 500 <= ALLOWED  # at 5 %, which can be counted; 0.1 % is what is used


@pytest.mark.parametrize(("share", "lost"), [(0.5, 0.1), (0.05, 0.3)])
def test_units_that_get_lost_are_found(share: float, lost: float) -> None:
    random = np.random.default_rng(12)
    units = 20_000
    own = int(random.binomial(units, share * (1 - lost)))
    assert sample_ratio.p_value(units - own, own, share) < sample_ratio.ALPHA


def test_the_p_value_is_one_over_the_bayes_factor() -> None:
    champion, challenger, share = 30, 90, 0.5
    factor = stats.betabinom(120, 500, 500).pmf(challenger) / stats.binom(120, share).pmf(challenger)
    assert factor > 1
    assert sample_ratio.p_value(champion, challenger, share) == pytest.approx(1 / factor)
    assert sample_ratio.p_value(60, 60, share) == 1
    assert sample_ratio.p_value(0, 0, share) == 1
