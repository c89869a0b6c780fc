"""What the invalid rows mean for the whole batch."""

from collections.abc import Sequence
from typing import NamedTuple

from everloop.contracts.batches import BatchStatus, Finding, Impact, Problem

COLUMNS_TOLD = 10
"""In the detail; the findings have all."""


class Verdict(NamedTuple):
    status: BatchStatus
    reason: str | None = None
    detail: str | None = None
    findings: tuple[Finding, ...] = ()


def judge_batch(
    *,
    delivered: int,
    invalid: int,
    problems: Sequence[Problem] = (),
    missing_columns: Finding | None = None,
    maximum_invalid_share: float = 0.5,
) -> Verdict:
    """
    >>> judge_batch(delivered=10, invalid=6).reason
    'too_many_invalid_rows'
    """
    if missing_columns:
        return Verdict(BatchStatus.REJECTED, missing_columns.reason, missing_columns.detail, (missing_columns,))
    if invalid != delivered and invalid <= maximum_invalid_share * delivered:
        return Verdict(BatchStatus.ACCEPTED)
    kept = "all are kept in quarantine"
    broken = [p for p in problems if p.reason == "wrong_type" and p.rows > maximum_invalid_share * delivered]
    if broken:
        columns = "; ".join(
            f"{p.column!r}: expected {p.expected}, got such as {p.example!r} in {p.rows} of {delivered} rows"
            for p in broken[:COLUMNS_TOLD]
        )
        findings = tuple(
            Finding(
                reason="type_broken",
                impact=Impact.BREAKING,
                is_schema_change=True,
                column=p.column,
                expected=p.expected,
                got=f"{p.example!r} and the like in {p.rows} of {delivered} rows",
            )
            for p in broken
        )
        more = f"; and {len(broken) - COLUMNS_TOLD} more columns" if len(broken) > COLUMNS_TOLD else ""
        return Verdict(BatchStatus.REJECTED, "type_broken", f"{columns}{more}; {kept}", findings)
    if invalid == delivered:
        return Verdict(BatchStatus.QUARANTINED, "no_valid_rows", f"none of {delivered} rows fits the definition")
    detail = f"expected at most {maximum_invalid_share:.0%} invalid rows, got {invalid} of {delivered}"
    return Verdict(BatchStatus.REJECTED, "too_many_invalid_rows", f"{detail}; {kept}")
