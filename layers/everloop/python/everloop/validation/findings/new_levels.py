"""Levels that no recent batch had, in many rows, in a category whose levels the definition does not list."""

from collections.abc import Iterator

from everloop.contracts.batches import Finding, Impact
from everloop.validation.batch import JudgedBatch
from everloop.validation.findings.levels import category, found_only_in
from everloop.validation.findings.wording import listed
from everloop.validation.history import History

FREQUENT_SHARE = 0.05
"""Of all of them together."""


def check(batch: JudgedBatch, history: History) -> Iterator[Finding]:
    for name, column in batch.definition.columns.items():
        now, then = category(batch.profile, name), category(history.previous_profile, name)
        if now is None or then is None or column.allowed is not None or not then.rows:
            continue
        came = found_only_in(now, then, 0)
        for profile in history.earlier_profiles() if came else ():
            seen = category(profile, name)
            came = [level for level in came if seen is None or level not in seen.counts]
        rows = sum(now.counts[level] for level in came)
        if rows and rows >= FREQUENT_SHARE * now.rows:
            yield Finding(
                reason="new_levels",
                impact=Impact.SUSPICIOUS,
                is_schema_change=True,
                column=name,
                expected=f"levels of the batch before, such as {listed(sorted(then.counts))}",
                got=f"{listed(came)} in {rows:,} of {now.rows:,} rows",
            )
