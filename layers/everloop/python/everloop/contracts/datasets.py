"""What a model was trained on: a manifest that names every batch, and the version that follows from it."""

import hashlib
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from pydantic import AwareDatetime

from everloop.contracts.base import Contract
from everloop.contracts.batches import BatchReport, BatchStatus
from everloop.contracts.definition import ColumnType, Definition


class DatasetBatch(Contract):
    batch_id: str
    rows: int
    """Accepted ones; those in the dataset may be fewer, and `DatasetStatistics` counts them."""
    sha256: str | None
    """Of the Parquet file with the accepted rows; null where the report does not tell."""


class DatasetManifest(Contract):
    """Content-addressed: the same batches under the same definition are the same dataset version.

    A cutoff is there only if it divides a batch, or may, since otherwise it says nothing that the batches do not.
    """

    model: str
    definition_hash: str
    since: AwareDatetime | None
    """Rows before this moment are left out."""
    as_of: AwareDatetime | None
    """Rows of this moment or later are left out."""
    batches: tuple[DatasetBatch, ...]
    """In the order they were received, which decides between rows of one id and one timestamp."""

    @property
    def version(self) -> str:
        return hashlib.sha256(self.model_dump_json().encode()).hexdigest()[:16]


class RowTotals(Contract):
    """delivered = left_out + superseded + rows"""

    delivered: int
    """Accepted rows of all batches of the dataset."""
    left_out: int
    """Those outside of the cutoffs, or of batches that lack the target, the timestamp or a row id of today."""
    superseded: int
    """Those of a row id that a newer row carries as well."""
    rows: int


class DatasetStatistics(RowTotals):
    """What reading the rows told; beside the manifest, because a version follows without it."""

    prepared_at: AwareDatetime
    """By the first run that needed the dataset."""
    columns: dict[str, ColumnType]
    """As the definition declared them."""


class Selection(NamedTuple):
    """The batches that may hold rows of the window, in the order they were received."""

    since: datetime | None
    as_of: datetime
    reports: tuple[BatchReport, ...]


def build_manifest(
    definition: Definition, reports: Iterable[BatchReport], *, as_of: datetime, known_at: datetime | None = None
) -> tuple[Selection, DatasetManifest]:
    """Choose the accepted batches with rows before `as_of`, of those received until `known_at` (None: of all).

    Follows from its arguments alone: the same reports give the same bytes, in any order and at any time.
    """
    window = definition.training.window
    since = _before(as_of, window) if window else None
    chosen = [
        report
        for report in reports
        if report.status is BatchStatus.ACCEPTED
        and (known_at is None or report.received_at <= known_at)
        and _overlaps(definition, report, since, as_of)
    ]
    chosen.sort(key=lambda report: (report.first_received_at, report.batch_id))
    spans = [_span(definition, report) for report in chosen]
    manifest = DatasetManifest(
        model=definition.name,
        definition_hash=definition.hash,
        since=since.astimezone(UTC) if since and any(span and span.first < since for span in spans) else None,
        as_of=as_of.astimezone(UTC) if any(span and span.last >= as_of for span in spans) else None,
        batches=tuple(
            DatasetBatch(batch_id=report.batch_id, rows=report.rows.accepted, sha256=report.rows_sha256)
            for report in chosen
        ),
    )
    return Selection(since, as_of, tuple(chosen)), manifest


def _overlaps(definition: Definition, report: BatchReport, since: datetime | None, as_of: datetime) -> bool:
    span = _span(definition, report)
    if span is None:
        return report.received_at <= as_of
    return span.first < as_of and (since is None or span.last >= since)


class _Span(NamedTuple):
    first: datetime
    last: datetime


_ANY_TIME = _Span(datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC))


def _span(definition: Definition, report: BatchReport) -> _Span | None:
    """None for a model without a timestamp; any time, where another column was the timestamp when it was judged."""
    if definition.data.timestamp is None:
        return None
    if report.timestamp_column != definition.data.timestamp:
        return _ANY_TIME
    if report.first_timestamp is None or report.last_timestamp is None:
        return None
    return _Span(_aware(report.first_timestamp), _aware(report.last_timestamp))


def _before(moment: datetime, duration: timedelta) -> datetime:
    earliest = datetime.min.replace(tzinfo=UTC)
    return moment - duration if moment - earliest > duration else earliest


def _aware(moment: datetime) -> datetime:
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
