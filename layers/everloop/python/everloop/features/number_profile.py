"""A column of numbers in logarithmic buckets about a fixed centre, counted chunk by chunk."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields
from functools import cached_property
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from everloop.features.packing import pack_buckets, unpack_buckets

_BUCKETS = 1 << 16
_PENDING_ROWS = 4 * _BUCKETS
"""Counted at once: each count passes over all buckets."""
_LARGEST = float(np.finfo(np.float32).max)
_HIGH_HALF = slice(1, None, 2)
"""Of each little-endian float32 seen as two uint16: the sign, the exponent and 7 bits of the fraction."""


class ProfileMismatchError(ValueError):
    """Profiles of different columns or about different centres cannot be merged or compared."""


@dataclass(frozen=True, eq=False)
class NumberProfile:
    """Merging in any order gives the same buckets, counts, nulls, minimum and maximum; the two sums of floats, and so
    mean and spread, may differ in their last bits.

    Distinct values are not estimated: integers beside the centre have buckets of their own, but close fractions share
    one, and a sketch that tells them apart would take more room than the counts.
    """

    centre: float
    buckets: NDArray[np.uint16]
    """Those with rows, ascending by number: first 0 and the positive deviations, then the negative ones."""
    counts: NDArray[np.int64]
    """Rows of each bucket."""
    nulls: int = 0
    total: float = 0.0
    """Sum of x - centre; with the sum of its squares it gives mean and spread without cancellation."""
    total_of_squares: float = 0.0
    minimum: float = math.inf
    maximum: float = -math.inf

    @classmethod
    def of(cls, values: NDArray[Any], centre: float) -> "NumberProfile":
        """NaN is null, and so is infinity: the rule of the features."""
        counter = NumberCounter(centre)
        counter.add(np.asarray(values, np.float64))
        return counter.profile()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, NumberProfile) and all(
            np.array_equal(getattr(self, each.name), getattr(other, each.name)) for each in fields(self)
        )

    __hash__ = None  # type: ignore[assignment]  # arrays have no hash

    @cached_property
    def rows(self) -> int:
        """Rows that are not null."""
        return int(self.counts.sum())

    @property
    def null_share(self) -> float:
        return self.nulls / (self.nulls + self.rows) if self.nulls else 0.0

    @property
    def mean(self) -> float:
        return self.centre + self.total / self.rows if self.rows else math.nan

    @property
    def standard_deviation(self) -> float:
        """Of the population (divided by n)."""
        if not self.rows:
            return math.nan
        return math.sqrt(max(self.total_of_squares / self.rows - (self.total / self.rows) ** 2, 0.0))

    def quantile(self, q: float) -> float:
        """The smallest value that a share `q` of the rows does not exceed, or NaN without rows.

        The end of its bucket nearer to the centre stands for it: off by 0.8 % of its distance from the centre at most.
        """
        if not self.rows:
            return math.nan
        rank = max(math.ceil(q * self.rows), 1)
        if rank == 1:
            return self.minimum
        if rank >= self.rows:
            return self.maximum
        values = bucket_values(self.buckets)
        order = np.argsort(values, kind="stable")
        bucket = order[np.searchsorted(self.counts[order].cumsum(), rank)]
        return min(max(self.centre + float(values[bucket]), self.minimum), self.maximum)

    def counts_of(self, buckets: NDArray[np.uint16]) -> NDArray[np.int64]:
        """Rows of each of these buckets: ascending by number, and with all of this profile's among them."""
        rows = np.zeros(len(buckets), np.int64)
        rows[np.searchsorted(buckets, self.buckets)] = self.counts
        return rows

    def merge(self, other: Self) -> Self:
        if self.centre != other.centre:
            raise ProfileMismatchError(
                f"centres differ: {self.centre!r} and {other.centre!r}; profile both about the reference's centres"
            )
        buckets = np.union1d(self.buckets, other.buckets)
        return type(self)(
            self.centre,
            buckets,
            self.counts_of(buckets) + other.counts_of(buckets),
            self.nulls + other.nulls,
            self.total + other.total,
            self.total_of_squares + other.total_of_squares,
            min(self.minimum, other.minimum),
            max(self.maximum, other.maximum),
        )

    def describe(self) -> dict[str, Any]:
        """`rows` are all rows here, null or not."""
        described = {
            "mean": self.mean,
            "standard_deviation": self.standard_deviation,
            "minimum": self.minimum,
            "q25": self.quantile(0.25),
            "median": self.quantile(0.5),
            "q75": self.quantile(0.75),
            "maximum": self.maximum,
        }
        return {
            "type": "number",
            "rows": self.rows + self.nulls,
            "nulls": self.nulls,
            "null_share": self.null_share,
        } | {name: value if math.isfinite(value) else None for name, value in described.items()}

    def to_dict(self) -> dict[str, Any]:
        plain = {name: getattr(self, name) for name in ("centre", "nulls", "total", "total_of_squares")}
        extremes = {"minimum": self.minimum, "maximum": self.maximum} if self.rows else {}
        return {"type": "number"} | plain | extremes | {"counts": pack_buckets(self.buckets, self.counts)}

    @classmethod
    def from_dict(cls, read: Mapping[str, Any]) -> Self:
        buckets, counts = unpack_buckets(read["counts"])
        plain = {name: value for name, value in read.items() if name not in ("type", "counts")}
        return cls(buckets=buckets, counts=counts, **plain)


class NumberCounter:
    """Profiles a column chunk by chunk in two MiB; how it is cut into chunks changes no count."""

    def __init__(self, centre: float) -> None:
        self._centre = centre
        self._counts = np.zeros(_BUCKETS, np.int64)
        self._pending: list[NDArray[np.uint16]] = []
        self._pending_rows = 0
        self._nulls = 0
        self._total = self._total_of_squares = 0.0
        self._minimum, self._maximum = math.inf, -math.inf

    def add(self, values: NDArray[np.float64]) -> None:
        """NaN is null, and so is infinity."""
        length = len(values)
        if not length:
            return
        minimum, maximum = float(values.min()), float(values.max())
        if not (math.isfinite(minimum) and math.isfinite(maximum)):
            values = values[np.isfinite(values)]
            self._nulls += length - len(values)
            if not len(values):
                return
            minimum, maximum = float(values.min()), float(values.max())
        self._minimum, self._maximum = min(self._minimum, minimum), max(self._maximum, maximum)
        with np.errstate(over="ignore"):
            # NOTE: not `values - centre`, which leaves two zeros where the centre is 0.
            deviations = values + (0.0 - self._centre)
        if minimum - self._centre < -_LARGEST or maximum - self._centre > _LARGEST:
            np.clip(deviations, -_LARGEST, _LARGEST, out=deviations)
        high_halves = deviations.astype("<f4").view("<u2")[_HIGH_HALF]
        self._pending.append(high_halves.copy())
        self._pending_rows += len(high_halves)
        if self._pending_rows > _PENDING_ROWS:
            self._fold()
        self._total += float(deviations.sum())
        # NOTE: not np.dot: its last bits depend on the number of cores.
        self._total_of_squares += float(np.square(deviations, out=deviations).sum())

    def _fold(self) -> None:
        if self._pending:
            self._counts += np.bincount(np.concatenate(self._pending), minlength=_BUCKETS)
            self._pending, self._pending_rows = [], 0

    def profile(self) -> NumberProfile:
        self._fold()
        buckets = np.flatnonzero(self._counts)
        return NumberProfile(
            self._centre,
            buckets.astype(np.uint16),
            self._counts[buckets],
            self._nulls,
            self._total,
            self._total_of_squares,
            self._minimum,
            self._maximum,
        )


def bucket_values(buckets: NDArray[np.uint16]) -> NDArray[np.float64]:
    """The deviation from the centre that stands for each bucket: its end nearer to the centre."""
    return (buckets.astype(np.uint32) << 16).view(np.float32).astype(np.float64)
