"""The table of drift statistics: one file each, one line each here."""

from collections.abc import Callable
from typing import NamedTuple

from everloop.monitoring.statistics import chi_square, ks
from everloop.monitoring.statistics.counts import Counts
from everloop.monitoring.statistics.jensen_shannon import jensen_shannon
from everloop.monitoring.statistics.ks import kolmogorov_smirnov
from everloop.monitoring.statistics.psi import psi
from everloop.monitoring.statistics.wasserstein import wasserstein

Statistic = Callable[[Counts], float]


class Battery(NamedTuple):
    """What is computed for one kind of column."""

    effect: str
    """The statistic that decides, with `threshold`, whether a change matters."""
    threshold: float
    p_value: Statistic
    """Whether there is a change at all."""
    statistics: dict[str, Statistic]


NUMBERS = Battery(
    effect="wasserstein",
    threshold=0.1,  # Evidently's default for numbers: a tenth of a standard deviation
    p_value=ks.p_value,
    statistics={"wasserstein": wasserstein, "ks": kolmogorov_smirnov, "psi": psi},
)

CATEGORIES = Battery(
    effect="jensen_shannon",
    threshold=0.1,  # Evidently's default for categories
    p_value=chi_square.p_value,
    statistics={"jensen_shannon": jensen_shannon, "psi": psi},
)
