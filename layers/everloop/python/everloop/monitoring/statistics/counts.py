"""The counts of one column in two windows, bucket by bucket: what every statistic is computed from."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from everloop.features.column_profile import CategoryProfile, NumberProfile, ProfileMismatchError
from everloop.features.number_profile import bucket_values


@dataclass(frozen=True, eq=False)
class Counts:
    reference: NDArray[np.int64]
    current: NDArray[np.int64]
    """Rows in the same buckets; numbers in ascending order."""
    values: NDArray[np.float64]
    """The number each bucket stands for, as distance from the centre; empty for categories."""
    scale: float = 1.0
    """The reference's standard deviation; 1 for categories."""

    @property
    def comparable(self) -> bool:
        return bool(self.reference.sum() and self.current.sum())

    @property
    def shares(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        return self.reference / self.reference.sum(), self.current / self.current.sum()

    @property
    def cumulative(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Both distribution functions at each bucket; from whole counts, so that both end at exactly 1."""
        return (
            self.reference.cumsum() / self.reference.sum(),
            self.current.cumsum() / self.current.sum(),
        )


def count_numbers(reference: NumberProfile, current: NumberProfile) -> Counts:
    """Raises ProfileMismatchError when the centres differ."""
    if reference.centre != current.centre:
        raise ProfileMismatchError(
            f"centres differ: {reference.centre!r} and {current.centre!r}; profile the window with `reference.centres`"
        )
    buckets = np.union1d(reference.buckets, current.buckets)
    values = bucket_values(buckets)
    order = np.argsort(values, kind="stable")
    return Counts(
        reference.counts_of(buckets)[order],
        current.counts_of(buckets)[order],
        values[order],
        reference.standard_deviation,
    )


def count_categories(reference: CategoryProfile, current: CategoryProfile) -> Counts:
    """Levels that only one of the profiles could keep count as other, in both."""
    one, two = reference.within(current.limit), current.within(reference.limit)
    levels = sorted(one.counts.keys() | two.counts.keys())
    return Counts(
        np.array([*(one.counts.get(level, 0) for level in levels), one.other], np.int64),
        np.array([*(two.counts.get(level, 0) for level in levels), two.other], np.int64),
        np.empty(0),
    )
