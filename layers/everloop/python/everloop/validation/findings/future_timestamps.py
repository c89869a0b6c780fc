"""Rows that are of a time after the file came."""

from collections.abc import Iterator
from datetime import timedelta

from everloop.contracts.batches import Finding, Impact
from everloop.validation.batch import JudgedBatch
from everloop.validation.history import History

TOLERANCE = timedelta(days=1)
"""Local time written as UTC is at most 14 hours ahead."""


def check(batch: JudgedBatch, history: History) -> Iterator[Finding]:
    if batch.last_timestamp is not None and batch.last_timestamp > batch.received_at + TOLERANCE:
        yield Finding(
            reason="future_timestamps",
            impact=Impact.SUSPICIOUS,
            column=batch.definition.data.timestamp,
            expected=f"timestamps up to {batch.received_at.isoformat()}, when the file came",
            got=f"one of {batch.last_timestamp.isoformat()}",
        )
