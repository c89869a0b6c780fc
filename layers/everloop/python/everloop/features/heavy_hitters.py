"""The most frequent levels of a column with too many to count: Misra-Gries counters that merge.

Misra & Gries, "Finding repeated elements", Sci. Comput. Program. 2(2), 1982; how they merge: Agarwal, Cormode, Huang,
Phillips, Wei & Yi, "Mergeable summaries", PODS 2012.
"""

import heapq
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

MAXIMUM_COUNTERS = 199
"""Every level with more than 1 / (MAXIMUM_COUNTERS + 1) = 0.5 % of the rows is listed."""


@dataclass(frozen=True)
class HeavyHitters:
    """However the parts were merged, each level has between `counts[level]` and `counts[level] + error` rows, one that
    is not listed at most `error`, and `error` is at most rows / (MAXIMUM_COUNTERS + 1).

    Which rare levels are listed, and the counts within these bounds, depend on the order of merging.
    """

    counts: dict[str, int]
    """Level → a lower bound of its rows, the most frequent first."""
    error: int = 0

    @classmethod
    def of(cls, counts: Mapping[str, int], error: int = 0) -> Self:
        """From exact counts, or from sums of such lower bounds with the sum of their errors."""
        surplus = 0
        if len(counts) > MAXIMUM_COUNTERS:
            surplus = heapq.nlargest(MAXIMUM_COUNTERS + 1, counts.values())[-1]
        kept = sorted((-rows, level) for level, rows in counts.items() if rows > surplus)
        return cls({level: -rows - surplus for rows, level in kept}, error + surplus)

    def merge(self, other: Self) -> Self:
        return type(self).of(add_counts(self.counts, other.counts), self.error + other.error)


def add_counts(one: Mapping[str, int], other: Mapping[str, int]) -> dict[str, int]:
    added = dict(one)
    for level, rows in other.items():
        added[level] = added.get(level, 0) + rows
    return added
