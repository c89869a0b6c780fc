"""A column of categories by level: exact counts of a fixed sample of levels, and the most frequent ones beyond it."""

import hashlib
import heapq
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Self

from numpy.typing import NDArray

from everloop.features.heavy_hitters import HeavyHitters, add_counts
from everloop.features.packing import pack_levels, unpack_levels

MAXIMUM_LEVELS = 1_000
LONGEST_LEVEL = 200
"""Characters; a longer level is cut to so many, the last of them a hash that tells it from others that start alike."""
TOP_LEVELS = 10
"""So many are described."""

_HASH_BYTES = 8
_PENDING_LEVELS = 8 * MAXIMUM_LEVELS
"""More levels than this are folded into the sample before more are counted."""


@dataclass(frozen=True)
class CategoryProfile:
    """At most MAXIMUM_LEVELS levels, those with the smallest hashes, and the rows of all others as one number.

    By hash and not by frequency, because then a level that is kept in the end was kept in every part: its count is
    exact, and merging in any order gives the same counts, nulls, other and distinct (a bottom-k sample; Cohen & Kaplan,
    "Summarizing data using bottom-k sketches", PODC 2007). Only `heavy` depends on the order, within its bounds.
    """

    counts: dict[str, int]
    """Level → rows, sorted by level."""
    nulls: int = 0
    other: int = 0
    """Rows of the levels that are not kept."""
    heavy: HeavyHitters | None = None
    """The most frequent levels of all; None while every level is kept."""

    @classmethod
    def of(cls, values: NDArray[Any]) -> "CategoryProfile":
        """'' is null."""
        counts = Counter(values.tolist())
        nulls = counts.pop(None, 0)
        counter = LevelCounter()
        counter.add(counts, nulls)
        return counter.profile()

    @cached_property
    def rows(self) -> int:
        """Rows that are not null."""
        return sum(self.counts.values()) + self.other

    @property
    def null_share(self) -> float:
        return self.nulls / (self.nulls + self.rows) if self.nulls else 0.0

    @cached_property
    def names_every_level(self) -> bool:
        """No level was left out, and none cut: what no level here shows, no value has."""
        return not self.other and all(len(level) < LONGEST_LEVEL for level in self.counts)

    @cached_property
    def limit(self) -> str | None:
        """Levels that sort after this one by hash were not kept; None: nothing was left out."""
        return max(self.counts, key=_rank) if self.other else None

    @cached_property
    def distinct(self) -> int:
        """Levels; an estimate where some were left out, with a standard error of 1 / √k of it, k levels being kept.

        (k - 1) / the largest kept hash as a share of all hashes: Bar-Yossef, Jayram, Kumar, Sivakumar & Trevisan,
        "Counting distinct elements in a data stream", RANDOM 2002; unbiased so: Beyer et al., SIGMOD 2007.
        """
        if self.limit is None:
            return len(self.counts)
        share = (int.from_bytes(_rank(self.limit)[0]) + 1) / (1 << 8 * _HASH_BYTES)
        return max(len(self.counts) + 1, round((len(self.counts) - 1) / share))

    def most_frequent(self, number: int) -> dict[str, int]:
        """Level → rows, the most frequent first: exact where the level is kept, else its lower bound."""
        known = (self.heavy.counts if self.heavy else {}) | self.counts
        return dict(sorted(known.items(), key=lambda item: (-item[1], item[0]))[:number])

    def merge(self, other: Self) -> Self:
        heavy = self._bounds.merge(other._bounds) if self.other or other.other else None
        counts = add_counts(self.counts, other.counts)
        return self._capped(counts, self.nulls + other.nulls, self.other + other.other, heavy)

    def within(self, limit: str | None) -> Self:
        """Only the levels up to this one by hash: to compare, not to merge any more."""
        if limit is None:
            return self
        kept = {level: rows for level, rows in self.counts.items() if _rank(level) <= _rank(limit)}
        return replace(self, counts=kept, other=self.rows - sum(kept.values()))

    @property
    def _bounds(self) -> HeavyHitters:
        """Without heavy hitters, any other level may have all the other rows."""
        return self.heavy or HeavyHitters(self.counts, self.other)

    @classmethod
    def _capped(cls, counts: Mapping[str, int], nulls: int, other: int = 0, heavy: HeavyHitters | None = None) -> Self:
        if len(counts) <= MAXIMUM_LEVELS:
            return cls(dict(sorted(counts.items())), nulls, other, heavy)
        kept = {level: counts[level] for level in sorted(heapq.nsmallest(MAXIMUM_LEVELS, counts, key=_rank))}
        left_out = sum(counts.values()) - sum(kept.values())
        return cls(kept, nulls, other + left_out, heavy or HeavyHitters.of(counts))

    def describe(self) -> dict[str, Any]:
        """`rows` are all rows here, null or not; each of the `top_levels` has at most `top_levels_error` rows more."""
        return {
            "type": "category",
            "rows": self.rows + self.nulls,
            "nulls": self.nulls,
            "null_share": self.null_share,
            "distinct": self.distinct,
            "top_levels": self.most_frequent(TOP_LEVELS),
            "top_levels_error": self._bounds.error,
        }

    def to_dict(self) -> dict[str, Any]:
        plain = {"type": "category", "nulls": self.nulls, "other": self.other, "counts": pack_levels(self.counts)}
        if self.heavy is None:
            return plain
        return plain | {"heavy": {"error": self.heavy.error, "counts": pack_levels(self.heavy.counts)}}

    @classmethod
    def from_dict(cls, read: Mapping[str, Any]) -> Self:
        heavy = read.get("heavy")
        return cls(
            unpack_levels(read["counts"]),
            read["nulls"],
            read["other"],
            HeavyHitters(unpack_levels(heavy["counts"]), heavy["error"]) if heavy else None,
        )


class LevelCounter:
    """Profiles a column chunk by chunk, in room for some thousand levels and those of one chunk."""

    def __init__(self) -> None:
        self._folded = CategoryProfile({})
        self._pending: Counter[str] = Counter()
        self._nulls = 0

    def add(self, counts: Mapping[str, int], nulls: int = 0) -> None:
        """Level → rows of one chunk; '' is null."""
        self._pending.update(counts)
        self._nulls += nulls
        if len(self._pending) > _PENDING_LEVELS:
            self._fold()

    def profile(self) -> CategoryProfile:
        self._fold()
        return self._folded

    def _fold(self) -> None:
        nulls = self._nulls + self._pending.pop("", 0)
        self._folded = self._folded.merge(CategoryProfile._capped(_shortened(+self._pending), nulls))
        self._pending, self._nulls = Counter(), 0


def _shortened(counts: Mapping[str, int]) -> Mapping[str, int]:
    if max(map(len, counts), default=0) <= LONGEST_LEVEL:
        return counts
    shortened: Counter[str] = Counter()
    for level, rows in counts.items():
        shortened[_shorten(level)] += rows
    return shortened


def _shorten(level: str) -> str:
    if len(level) <= LONGEST_LEVEL:
        return level
    ending = "…" + _rank(level)[0].hex()
    return level[: LONGEST_LEVEL - len(ending)] + ending


def _rank(level: str) -> tuple[bytes, str]:
    return hashlib.blake2b(level.encode("utf-8", "surrogatepass"), digest_size=_HASH_BYTES).digest(), level
