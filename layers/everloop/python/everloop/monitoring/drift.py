"""Compare two profiles, column by column: is there a change, is it large, and is it more than chance?

A column has drifted when both hold: its p-value, corrected for the number of columns, is below alpha, and its effect
reaches the threshold. P-values alone flag harmless shifts in large windows, effects alone flag noise in small ones.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from everloop.features.column_profile import CategoryProfile, ColumnProfile, NumberProfile, ProfileMismatchError
from everloop.features.profile import Profile
from everloop.monitoring.statistics import CATEGORIES, NUMBERS, Battery, chi_square
from everloop.monitoring.statistics.counts import Counts, count_categories, count_numbers

ALPHA = 0.05
"""The share of false alarms among a check's alarms (false discovery rate)."""

NULL_SHARE_THRESHOLD = 0.1
"""A share of nulls that moved by this much is drift by itself; Evidently's tolerance for missing values."""


@dataclass(frozen=True)
class ColumnDrift:
    column: str
    statistic: str
    """The name of the statistic that measures the effect."""
    effect: float
    threshold: float
    p_value: float
    """Corrected for the number of columns (Benjamini-Hochberg): of the values, or of the nulls if those are surer."""
    psi: float
    statistics: dict[str, float]
    """All statistics of the column, by name."""
    reference_null_share: float
    current_null_share: float
    drifted: bool


def compare(reference: Profile, current: Profile, *, alpha: float = ALPHA) -> tuple[ColumnDrift, ...]:
    """In the order of the reference's columns.

    Raises ProfileMismatchError unless both have the same columns, profiled about the same centres.
    """
    if different := sorted(reference.columns.keys() ^ current.columns.keys()):
        raise ProfileMismatchError(f"columns {', '.join(map(repr, different))} are in one profile only")
    looks = [_look(name, column, current.columns[name]) for name, column in reference.columns.items()]
    corrected = benjamini_hochberg([p for look in looks for p in (look.p_value, look.null_p_value)])
    return tuple(
        _decide(look, p_value, null_p_value, alpha)
        for look, p_value, null_p_value in zip(looks, corrected[::2], corrected[1::2], strict=True)
    )


def benjamini_hochberg(p_values: Sequence[float]) -> list[float]:
    """Adjusted p-values: below alpha, at most a share alpha of the findings is expected to be false.

    Benjamini & Hochberg, "Controlling the false discovery rate", J. R. Stat. Soc. B 57(1), 1995.
    """
    if not p_values:
        return []
    ascending = np.argsort(p_values)
    scaled = np.asarray(p_values)[ascending] * len(p_values) / np.arange(1, len(p_values) + 1)
    adjusted = np.empty(len(p_values))
    adjusted[ascending] = np.minimum(np.minimum.accumulate(scaled[::-1])[::-1], 1.0)
    return [float(p) for p in adjusted]


@dataclass(frozen=True)
class _Look:
    """One column, before the correction over all of them."""

    column: str
    battery: Battery
    statistics: dict[str, float]
    p_value: float
    null_shares: tuple[float, float]
    null_p_value: float


def _look(name: str, reference: ColumnProfile, current: ColumnProfile) -> _Look:
    battery, counts = _count(name, reference, current)
    nulls = Counts(
        np.array([reference.nulls, reference.rows]), np.array([current.nulls, current.rows]), values=np.empty(0)
    )
    comparable = counts.comparable
    return _Look(
        name,
        battery,
        # Without values on both sides there is nothing to measure; the share of nulls then tells.
        {statistic: measure(counts) if comparable else 0.0 for statistic, measure in battery.statistics.items()},
        battery.p_value(counts) if comparable else 1.0,
        (reference.null_share, current.null_share),
        chi_square.p_value(nulls) if nulls.comparable else 1.0,
    )


def _count(name: str, reference: ColumnProfile, current: ColumnProfile) -> tuple[Battery, Counts]:
    try:
        match reference, current:
            case NumberProfile(), NumberProfile():
                return NUMBERS, count_numbers(reference, current)
            case CategoryProfile(), CategoryProfile():
                return CATEGORIES, count_categories(reference, current)
    except ProfileMismatchError as error:
        raise ProfileMismatchError(f"column {name!r}: {error}") from error
    raise ProfileMismatchError(f"column {name!r} holds numbers in one profile and categories in the other")


def _decide(look: _Look, p_value: float, null_p_value: float, alpha: float) -> ColumnDrift:
    effect = look.statistics[look.battery.effect]
    values_moved = p_value < alpha and effect >= look.battery.threshold
    nulls_moved = null_p_value < alpha and abs(look.null_shares[1] - look.null_shares[0]) >= NULL_SHARE_THRESHOLD
    return ColumnDrift(
        column=look.column,
        statistic=look.battery.effect,
        effect=effect,
        threshold=look.battery.threshold,
        p_value=null_p_value if nulls_moved and not values_moved else p_value,
        psi=look.statistics["psi"],
        statistics=look.statistics,
        reference_null_share=look.null_shares[0],
        current_null_share=look.null_shares[1],
        drifted=values_moved or nulls_moved,
    )
