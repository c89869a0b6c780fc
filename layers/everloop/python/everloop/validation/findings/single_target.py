"""All rows have the same target: there is nothing to tell apart, and more likely a filter in the export."""

from collections.abc import Iterator

from everloop.contracts.batches import Finding, Impact
from everloop.features.column_profile import NumberProfile
from everloop.validation.batch import JudgedBatch
from everloop.validation.history import History

MINIMUM_ROWS = 1_000
"""In fewer rows a rare class may well be absent."""


def check(batch: JudgedBatch, history: History) -> Iterator[Finding]:
    name = batch.definition.data.target
    target = batch.profile.columns.get(name)
    if target is None or target.rows < MINIMUM_ROWS or batch.is_replay:
        return
    if isinstance(target, NumberProfile):
        value = f"{target.minimum:g}" if target.minimum == target.maximum else None
    else:
        value = repr(next(iter(target.counts))) if len(target.counts) == 1 and not target.other else None
    if value is not None:
        yield Finding(
            reason="single_target",
            impact=Impact.SUSPICIOUS,
            column=name,
            expected="at least two values of the target",
            got=f"{value} in all {target.rows:,} rows",
        )
