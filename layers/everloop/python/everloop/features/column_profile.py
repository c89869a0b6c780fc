"""One column's part of a profile: numbers in logarithmic buckets, categories by level."""

import base64
import hashlib
import zlib
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

MAXIMUM_LEVELS = 1_000
_LARGEST = float(np.finfo(np.float32).max)


class ProfileMismatchError(ValueError):
    """Profiles of different columns or about different centres cannot be merged or compared."""


@dataclass(frozen=True)
class NumberProfile:
    centre: float
    counts: dict[int, int]
    """Bucket → rows, in the order of the bucket's number."""
    nulls: int = 0
    total: float = 0.0
    """Sum of x - centre; with the sum of its squares it gives mean and spread without cancellation."""
    total_of_squares: float = 0.0
    minimum: float = float("inf")
    maximum: float = float("-inf")

    @classmethod
    def of(cls, values: NDArray[Any], centre: float) -> Self:
        """NaN is null, and so is infinity: the rule of the features."""
        numbers = np.asarray(values, np.float64)
        numbers = numbers[np.isfinite(numbers)]
        if not len(numbers):
            return cls(centre, {}, nulls=len(values))
        with np.errstate(over="ignore"):
            # + 0.0 makes one zero of both.
            deviations = np.clip(numbers - centre, -_LARGEST, _LARGEST) + 0.0
        counts = np.bincount(deviations.astype(np.float32).view(np.uint32) >> 16)
        buckets = np.flatnonzero(counts)
        return cls(
            centre,
            dict(zip(buckets.tolist(), counts[buckets].tolist(), strict=True)),
            nulls=len(values) - len(numbers),
            total=float(deviations.sum()),
            total_of_squares=float(np.square(deviations).sum()),
            minimum=float(numbers.min()),
            maximum=float(numbers.max()),
        )

    @cached_property
    def rows(self) -> int:
        """Rows that are not null."""
        return sum(self.counts.values())

    @property
    def mean(self) -> float:
        return self.centre + self.total / self.rows if self.rows else float("nan")

    @property
    def standard_deviation(self) -> float:
        """Of the population (divided by n)."""
        if not self.rows:
            return float("nan")
        return float(np.sqrt(max(self.total_of_squares / self.rows - (self.total / self.rows) ** 2, 0.0)))

    def merge(self, other: Self) -> Self:
        if self.centre != other.centre:
            raise ProfileMismatchError(
                f"centres differ: {self.centre!r} and {other.centre!r}; profile both about the reference's centres"
            )
        return type(self)(
            self.centre,
            dict(sorted((Counter(self.counts) + Counter(other.counts)).items())),
            self.nulls + other.nulls,
            self.total + other.total,
            self.total_of_squares + other.total_of_squares,
            min(self.minimum, other.minimum),
            max(self.maximum, other.maximum),
        )

    def to_dict(self) -> dict[str, Any]:
        fields = {name: getattr(self, name) for name in ("centre", "nulls", "total", "total_of_squares")}
        extremes = {"minimum": self.minimum, "maximum": self.maximum} if self.counts else {}
        return {"type": "number"} | fields | extremes | {"counts": _pack(self.counts)}

    @classmethod
    def from_dict(cls, fields: Mapping[str, Any]) -> Self:
        return cls(**{**{k: v for k, v in fields.items() if k != "type"}, "counts": _unpack(fields["counts"])})


@dataclass(frozen=True)
class CategoryProfile:
    """At most MAXIMUM_LEVELS levels, those with the smallest hashes, and the rows of all others as one number.

    By hash and not by frequency, because then a level that is kept in the end was kept in every part: its count is
    exact, and merging gives the same in any order (a bottom-k sample; Cohen & Kaplan, "Summarizing data using bottom-k
    sketches", PODC 2007).
    """

    counts: dict[str, int]
    """Level → rows, sorted by level."""
    nulls: int = 0
    other: int = 0
    """Rows of the levels that are not kept."""

    @classmethod
    def of(cls, values: NDArray[Any]) -> Self:
        counts = Counter(values.tolist())
        nulls = counts.pop("", 0) + counts.pop(None, 0)
        return cls._capped(counts, nulls, 0)

    @cached_property
    def rows(self) -> int:
        """Rows that are not null."""
        return sum(self.counts.values()) + self.other

    @cached_property
    def limit(self) -> str | None:
        """Levels that sort after this one by hash were not kept; None: nothing was left out."""
        return max(self.counts, key=_rank) if self.other else None

    def merge(self, other: Self) -> Self:
        counts = Counter(self.counts) + Counter(other.counts)
        return self._capped(counts, self.nulls + other.nulls, self.other + other.other)

    def within(self, limit: str | None) -> Self:
        """Only the levels up to this one by hash: to compare, not to merge any more."""
        if limit is None:
            return self
        kept = {level: rows for level, rows in self.counts.items() if _rank(level) <= _rank(limit)}
        return type(self)(kept, self.nulls, self.rows - sum(kept.values()))

    @classmethod
    def _capped(cls, counts: Counter[str], nulls: int, other: int) -> Self:
        kept = sorted(counts, key=_rank)[:MAXIMUM_LEVELS] if len(counts) > MAXIMUM_LEVELS else counts
        left_out = counts.total() - sum(counts[level] for level in kept)
        return cls({level: counts[level] for level in sorted(kept)}, nulls, other + left_out)

    def to_dict(self) -> dict[str, Any]:
        return {"type": "category", "nulls": self.nulls, "other": self.other, "counts": self.counts}

    @classmethod
    def from_dict(cls, fields: Mapping[str, Any]) -> Self:
        return cls(dict(fields["counts"]), fields["nulls"], fields["other"])


ColumnProfile = NumberProfile | CategoryProfile


def bucket_values(buckets: NDArray[np.uint16]) -> NDArray[np.float64]:
    """The deviation from the centre that stands for each bucket: its end nearer to the centre."""
    return (buckets.astype(np.uint32) << 16).view(np.float32).astype(np.float64)


def _rank(level: str) -> tuple[bytes, str]:
    return hashlib.blake2b(level.encode("utf-8", "surrogatepass"), digest_size=8).digest(), level


def _pack(counts: Mapping[int, int]) -> str:
    """Steps between buckets, then counts, little-endian, byte plane by byte plane: zlib squeezes the zero bytes out."""
    buckets = np.fromiter(counts.keys(), np.int64, len(counts))
    steps = np.diff(buckets, prepend=0).astype("<u2")
    rows = np.fromiter(counts.values(), "<u8", len(counts))
    planes = np.concatenate(
        [steps.view(np.uint8).reshape(-1, 2).T.ravel(), rows.view(np.uint8).reshape(-1, 8).T.ravel()]
    )
    return base64.b85encode(zlib.compress(planes.tobytes(), 9)).decode()


def _unpack(packed: str) -> dict[int, int]:
    planes = np.frombuffer(zlib.decompress(base64.b85decode(packed)), np.uint8)
    length = len(planes) // 10
    steps = np.ascontiguousarray(planes[: 2 * length].reshape(2, length).T).view("<u2").ravel()
    rows = np.ascontiguousarray(planes[2 * length :].reshape(8, length).T).view("<u8").ravel()
    return dict(zip(np.cumsum(steps, dtype=np.int64).tolist(), rows.tolist(), strict=True))
