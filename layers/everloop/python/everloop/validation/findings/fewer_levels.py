"""Levels that were frequent in the batch before, or that the definition allows, do not occur any more."""

from collections.abc import Iterator

from everloop.contracts.batches import Finding, Impact
from everloop.validation.batch import JudgedBatch
from everloop.validation.findings.levels import category, found_only_in
from everloop.validation.findings.wording import listed
from everloop.validation.history import History

FREQUENT_SHARE = 0.01
MINIMUM_ROWS = 1_000
"""In which each allowed level should occur once, when there is no batch to compare with."""


def check(batch: JudgedBatch, history: History) -> Iterator[Finding]:
    for name, column in batch.definition.columns.items():
        now, then = category(batch.profile, name), category(history.previous_profile, name)
        if now is None:
            continue
        if then is not None:
            expected, lacked = "the frequent levels of the batch before", found_only_in(then, now, FREQUENT_SHARE)
        elif history.previous is None and not batch.is_replay and not now.other and now.rows >= MINIMUM_ROWS:
            expected, lacked = (
                "the allowed levels",
                [level for level in column.allowed or () if level not in now.counts],
            )
        else:
            continue
        if lacked:
            yield Finding(
                reason="fewer_levels",
                impact=Impact.COMPATIBLE,
                is_schema_change=True,
                column=name,
                expected=f"{expected}, among them {listed(lacked)}",
                got=f"no row with them in {now.rows:,}",
            )
