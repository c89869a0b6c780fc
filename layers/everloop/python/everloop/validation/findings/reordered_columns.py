"""The columns that both this batch and the one before have come in another order; they are read by name."""

from collections.abc import Iterator

from everloop.contracts.batches import Finding, Impact
from everloop.validation.batch import JudgedBatch
from everloop.validation.findings.wording import listed
from everloop.validation.history import History


def check(batch: JudgedBatch, history: History) -> Iterator[Finding]:
    now, before = batch.reading.columns, history.delivered_columns
    common_now = [name for name in now if name in set(before)]
    common_before = [name for name in before if name in set(now)]
    if common_now != common_before:
        first = next(i for i, (one, other) in enumerate(zip(common_now, common_before, strict=True)) if one != other)
        yield Finding(
            reason="reordered_columns",
            impact=Impact.COMPATIBLE,
            is_schema_change=True,
            expected=f"the order of the batch before: … {listed(common_before[first:])}",
            got=f"… {listed(common_now[first:])}",
        )
