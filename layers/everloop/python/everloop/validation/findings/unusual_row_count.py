"""Far more or far fewer rows than the batches before had."""

import math
from collections.abc import Iterator
from statistics import median

from everloop.contracts.batches import Finding, Impact
from everloop.validation.batch import JudgedBatch
from everloop.validation.findings.robust import spread_of
from everloop.validation.history import History

MINIMUM_BATCHES = 5
MAXIMUM_SPREADS = 5.0
"""By which the logarithm of the count may differ from the median."""
TOLERANCE = 1.25
"""Within this factor of the smallest or the largest count seen nothing is unusual, whatever the spread: weekends."""
SMALLEST_SPREAD = math.log(1.1)
"""Counts that were always the same are not expected to stay so to the row."""


def check(batch: JudgedBatch, history: History) -> Iterator[Finding]:
    counts = [report.rows.delivered for report in history.originals]
    rows = batch.rows.delivered
    if len(counts) < MINIMUM_BATCHES or batch.is_replay or not rows:
        return
    logarithms = [math.log(max(count, 1)) for count in counts]
    spread = max(spread_of(logarithms), SMALLEST_SPREAD)
    far = abs(math.log(rows) - median(logarithms)) > MAXIMUM_SPREADS * spread
    if far and not min(counts) / TOLERANCE <= rows <= max(counts) * TOLERANCE:
        yield Finding(
            reason="unusual_row_count",
            impact=Impact.SUSPICIOUS,
            expected=f"about {median(counts):,.0f} rows, as in the last {len(counts)} batches"
            f" ({min(counts):,} to {max(counts):,})",
            got=f"{rows:,} rows",
        )
