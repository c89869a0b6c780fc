"""What the world is told of a judged batch: its verdict, and what changed in the schema."""

from collections.abc import Sequence
from typing import Any

from everloop.contracts.batches import BatchReport, BatchStatus, Finding, Impact, batch_key, report_key

MAXIMUM_CHANGES_TOLD = 100
MAXIMUM_CHARACTERS_TOLD = 500
"""Of each text. An event has at most 1 MB; the report has all."""

Event = tuple[str, dict[str, Any]]


def events_of(report: BatchReport) -> list[Event]:
    """Type and data of each."""
    changes = [finding for finding in report.findings if finding.is_schema_change]
    return [_verdict(report), *([_schema_changed(report, changes)] if changes else [])]


def _verdict(report: BatchReport) -> Event:
    if report.status is BatchStatus.ACCEPTED:
        key = batch_key(report.model, report.batch_id)
        return "batch.accepted", {"batch_id": report.batch_id, "rows": report.rows.accepted, "key": key}
    key = report_key(report.model, report.batch_id)
    refusal = {"status": report.status.value, "reason": report.reason, "detail": _told(report.detail)}
    return "batch.rejected", {"batch_id": report.batch_id, "rows": report.rows.delivered, "key": key, **refusal}


def _schema_changed(report: BatchReport, changes: Sequence[Finding]) -> Event:
    told = [
        {name: _told(text) for name, text in change.model_dump(mode="json", exclude={"is_schema_change"}).items()}
        for change in changes[:MAXIMUM_CHANGES_TOLD]
    ]
    breaking = any(change.impact is Impact.BREAKING for change in changes)
    key = report_key(report.model, report.batch_id)
    return "schema.changed", {"batch_id": report.batch_id, "key": key, "breaking": breaking, "changes": told}


def _told(text: str | None) -> str | None:
    return text and text[:MAXIMUM_CHARACTERS_TOLD]
