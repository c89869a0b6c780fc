"""How often a judge of experiments is wrong who looks every day for a month, and how soon it is right.

Side by side: a z-test at 5 %, and the confidence sequence that decides. Both see the same rows, after each of 30 days.
First variants that are alike: a decision is a false one. Then a challenger that is better: a decision comes on the
median day. Last the sample ratio: false alarms, and units that get lost. Fails if the sequence is wrong more often than
it promises.
"""

import argparse
import sys
from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from everloop.monitoring.statistics import sample_ratio
from everloop.monitoring.statistics.confidence_sequence import ALPHA, difference_of_means, mean_of_pairs

DAYS = 30
QUANTILE = 1.959964
"""Of the normal distribution, for a two-sided test at 5 %."""
Random = np.random.Generator
Floats = npt.NDArray[np.float64]


class Rows(NamedTuple):
    loss: Floats
    challenger: npt.NDArray[np.bool_]
    unit: npt.NDArray[np.int64]


Draw = Callable[[Random, int, float, float], Rows]
"""Random, number of rows, share of the challenger, effect on its losses (a part of them) → rows."""


def rows_alone(losses: Callable[[Random, Floats], Floats]) -> Draw:
    """Rows without entities; `losses` of the factors [n] that their mean has."""

    def draw(random: Random, n: int, share: float, effect: float) -> Rows:
        challenger = random.random(n) < share
        return Rows(losses(random, np.asarray(1 + effect * challenger, np.float64)), challenger, np.arange(n))

    return draw


def heavy_users(random: Random, n: int, share: float, effect: float) -> Rows:
    """Users are right or wrong in ways of their own; the heaviest send a hundred times as many rows as most."""
    users = n // 20 + 20
    weight = random.pareto(1.3, users) + 1
    unit = random.choice(users, n, p=weight / weight.sum())
    chance = np.clip(random.normal(0.2, 0.2, users), 0.01, 0.99)[unit]
    challenger = (random.random(users) < share)[unit]
    return Rows((random.random(n) < chance * (1 + effect * challenger)).astype(float), challenger, unit)


CASES: dict[str, Draw] = {
    "wrong labels, 1 %": rows_alone(lambda random, factor: (random.random(len(factor)) < 0.01 * factor).astype(float)),
    "wrong labels, 20 %": rows_alone(lambda random, factor: (random.random(len(factor)) < 0.2 * factor).astype(float)),
    "absolute errors, Student's t with 2.5": rows_alone(
        lambda random, factor: np.asarray(np.abs(random.standard_t(2.5, len(factor))) * factor, np.float64)
    ),
    "absolute errors, lognormal(0, 1.5)": rows_alone(
        lambda random, factor: random.lognormal(0, 1.5, len(factor)) * factor
    ),
    "wrong labels of heavy users": heavy_users,
}


class Judged(NamedTuple):
    z_test: int | None
    """The first day on which it decides."""
    sequence: int | None


def judge(rows: Rows, a_day: int) -> Judged:
    found: dict[str, int] = {}
    for day in range(1, DAYS + 1):
        n = a_day * day
        loss, challenger, unit = rows.loss[:n], rows.challenger[:n], rows.unit[:n]
        one, other = loss[~challenger], loss[challenger]
        if min(len(one), len(other)) > 1:
            spread = (one.var(ddof=1) / len(one) + other.var(ddof=1) / len(other)) ** 0.5
            if spread and abs(other.mean() - one.mean()) > QUANTILE * spread:
                found.setdefault("z_test", day)
        bounds = difference_of_means(loss, challenger, unit, np.zeros(n, np.int64))
        if bounds and not bounds.low <= 0 <= bounds.high:
            found.setdefault("sequence", day)
        if len(found) == len(Judged._fields):
            break
    return Judged(found.get("z_test"), found.get("sequence"))


def judge_shadow(random: Random, a_day: int, effect: float) -> Judged:
    """Both score the same rows, some of which are harder than others."""
    hard = random.lognormal(0, 1, a_day * DAYS)
    noise = random.normal(0, 0.2, (2, len(hard)))
    excess = hard * effect + noise[1] - noise[0]
    found: dict[str, int] = {}
    for day in range(1, DAYS + 1):
        seen = excess[: a_day * day]
        if abs(seen.mean()) > QUANTILE * seen.std(ddof=1) / len(seen) ** 0.5:
            found.setdefault("z_test", day)
        bounds = mean_of_pairs(seen, np.arange(len(seen)))
        if bounds and not bounds.low <= 0 <= bounds.high:
            found.setdefault("sequence", day)
    return Judged(found.get("z_test"), found.get("sequence"))


def decided(days: list[int | None]) -> tuple[float, str]:
    """The share of repeats with a decision, and its median day where most had one."""
    share = sum(day is not None for day in days) / len(days)
    median = np.median([DAYS + 1 if day is None else day for day in days])
    return share, f"{median:.0f}" if median <= DAYS else "–"


def differences(repeats: int) -> Iterator[tuple[str, bool, list[Judged]]]:
    """Each line of the table, whether its variants are alike, and what was judged."""
    settings = [(100, 0.5, 0.0), (1_000, 0.5, 0.0), (1_000, 0.05, 0.0), (1_000, 0.5, -0.1), (1_000, 0.5, -0.3)]
    for name, draw in CASES.items():
        for a_day, share, effect in settings:
            random = np.random.default_rng(7)
            judged = [judge(draw(random, a_day * DAYS, share, effect), a_day) for _ in range(repeats)]
            yield f"{name:<38} {a_day:>6,} {share:>6g} {effect:>+7.0%}", effect == 0, judged
    for effect in (0.0, -0.01, -0.03):
        random = np.random.default_rng(7)
        judged = [judge_shadow(random, 100, effect) for _ in range(repeats)]
        yield f"{'a shadow: both on the same rows':<38} {100:>6,} {1:>6g} {effect:>+7.0%}", effect == 0, judged


def ratios(repeats: int) -> Iterator[tuple[str, bool, float, str]]:
    for share, lost in ((0.5, 0.0), (0.05, 0.0), (0.5, 0.02), (0.5, 0.05), (0.05, 0.1)):
        random = np.random.default_rng(7)
        days: list[int | None] = []
        for _ in range(repeats):
            own = np.cumsum(random.binomial(1_000, share, DAYS))
            kept = np.cumsum(random.binomial(np.diff(own, prepend=0), 1 - lost))
            rest = 1_000 * np.arange(1, DAYS + 1) - own
            alarms = [
                day
                for day in range(DAYS)
                if sample_ratio.p_value(int(rest[day]), int(kept[day]), share) < sample_ratio.ALPHA
            ]
            days.append(alarms[0] + 1 if alarms else None)
        yield f"{1_000:>12,} {share:>6g} {lost:>6.0%}", lost == 0, *decided(days)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=200)
    repeats = parser.parse_args().repeats
    kept = True
    print(
        f"{'losses':<38} {'rows':>6} {'share':>6} {'effect':>7}   z-test, day   sequence, day   (of {repeats} repeats)"
    )
    for line, alike, judged in differences(repeats):
        (z_share, z_day), (share, day) = (decided([each[place] for each in judged]) for place in (0, 1))
        broken = alike and share > ALPHA
        kept = kept and not broken
        print(
            f"{line}   {z_share:>6.1%} {z_day:>4}   {share:>8.1%} {day:>4}{'   MORE THAN PROMISED' if broken else ''}"
        )
    print(f"\n{'units a day':>12} {'share':>6} {'lost':>6}   sample ratio mismatch, day")
    for line, alike, share, day in ratios(repeats):
        broken = alike and share > 10 * sample_ratio.ALPHA
        kept = kept and not broken
        print(f"{line}   {share:>21.1%} {day:>4}{'   MORE THAN PROMISED' if broken else ''}")
    return 0 if kept else 1


if __name__ == "__main__":
    sys.exit(main())
