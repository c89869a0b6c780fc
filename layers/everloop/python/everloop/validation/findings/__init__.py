"""What is odd about a batch as a whole, though each of its rows is valid.

A check is a file named like its finding: `check(batch, history)` yields some, or none when there is too little to judge
by. To add one: write it, list it here, describe it in docs/reason-codes.md.
"""

from collections.abc import Callable, Iterator

from everloop.contracts.batches import Finding
from everloop.validation.batch import JudgedBatch
from everloop.validation.findings import (
    absent_column,
    fewer_levels,
    future_timestamps,
    new_column,
    new_levels,
    nulls_jumped,
    reordered_columns,
    repeated_rows,
    single_target,
    stale_batch,
    target_leak,
    too_many_nulls,
    train_serve_mismatch,
    unusual_row_count,
)
from everloop.validation.history import History

FINDINGS: tuple[Callable[[JudgedBatch, History], Iterator[Finding]], ...] = (
    new_column.check,
    absent_column.check,
    reordered_columns.check,
    fewer_levels.check,
    new_levels.check,
    unusual_row_count.check,
    too_many_nulls.check,
    nulls_jumped.check,
    stale_batch.check,
    future_timestamps.check,
    repeated_rows.check,
    single_target.check,
    target_leak.check,
    train_serve_mismatch.check,
)


def find(batch: JudgedBatch, history: History) -> tuple[Finding, ...]:
    return tuple(finding for check in FINDINGS for finding in check(batch, history))
