"""A much larger share of nulls than in the batch before."""

from collections.abc import Iterator

from everloop.contracts.batches import Finding, Impact, is_delivered
from everloop.validation.batch import JudgedBatch
from everloop.validation.history import History

MAXIMUM_JUMP = 0.2
MINIMUM_ROWS = 100
"""In both batches: with fewer, chance alone makes such jumps."""


def check(batch: JudgedBatch, history: History) -> Iterator[Finding]:
    previous = history.previous_profile
    if previous is None or min(previous.rows, batch.profile.rows) < MINIMUM_ROWS:
        return
    for name in batch.definition.columns:
        now, then = batch.profile.null_share(name), previous.null_share(name)
        is_there = is_delivered(name, batch.definition, batch.reading.columns)
        if is_there and now is not None and then is not None and now - then > MAXIMUM_JUMP:
            yield Finding(
                reason="nulls_jumped",
                impact=Impact.SUSPICIOUS,
                column=name,
                expected=f"about {then:.1%} of the rows empty, as in the batch before",
                got=f"{now:.1%}",
            )
