"""What the share of invalid rows means for the whole batch."""

from typing import NamedTuple

from everloop.contracts.batches import BatchStatus

MAXIMUM_INVALID_SHARE = 0.5
"""Above it, the file rather than its rows is at fault (another export, another unit): none of it is believed."""


class Verdict(NamedTuple):
    status: BatchStatus
    reason: str | None = None
    detail: str | None = None


def judge_batch(*, delivered: int, invalid: int, missing_columns: str | None) -> Verdict:
    """
    >>> judge_batch(delivered=10, invalid=6, missing_columns=None).reason
    'too_many_invalid_rows'
    """
    if missing_columns:
        return Verdict(BatchStatus.REJECTED, "missing_columns", missing_columns)
    if invalid == delivered:
        return Verdict(BatchStatus.QUARANTINED, "no_valid_rows", f"none of {delivered} rows fits the definition")
    if invalid > MAXIMUM_INVALID_SHARE * delivered:
        detail = f"expected at most {MAXIMUM_INVALID_SHARE:.0%} invalid rows, got {invalid} of {delivered}"
        return Verdict(BatchStatus.REJECTED, "too_many_invalid_rows", f"{detail}; all are kept in quarantine")
    return Verdict(BatchStatus.ACCEPTED)
