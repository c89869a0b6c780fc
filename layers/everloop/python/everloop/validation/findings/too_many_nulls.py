"""A larger share of nulls than the definition's `maximum_null_share`."""

from collections.abc import Iterator

from everloop.contracts.batches import Finding, Impact
from everloop.validation.batch import JudgedBatch
from everloop.validation.history import History


def check(batch: JudgedBatch, history: History) -> Iterator[Finding]:
    if batch.is_replay:
        return
    for name, column in batch.definition.columns.items():
        share = batch.profile.null_share(name)
        if share is not None and column.maximum_null_share is not None and share > column.maximum_null_share:
            yield Finding(
                reason="too_many_nulls",
                impact=Impact.SUSPICIOUS,
                column=name,
                expected=f"at most {column.maximum_null_share:.4g} of the rows empty",
                got=f"{share:.4g}",
            )
