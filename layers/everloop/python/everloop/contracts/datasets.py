"""What a model was trained on: a manifest that names every batch, and the version that follows from it."""

import hashlib
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from pydantic import AwareDatetime

from everloop.contracts.base import Contract
from everloop.contracts.batches import BatchReport, BatchStatus
from everloop.contracts.columns import ColumnType
from everloop.contracts.definition import Definition


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
    since = _since(definition, as_of)
    chosen = [report for report in reports if not why_left_out(definition, report, as_of=as_of, known_at=known_at)]
    chosen.sort(key=_arrival)
    spans = [_span(definition, report) for report in chosen]
    manifest = DatasetManifest(
        model=definition.name,
        definition_hash=definition.hash,
        since=since.astimezone(UTC) if since and any(span and span.first < since for span in spans) else None,
        as_of=as_of.astimezone(UTC) if any(span and span.last >= as_of for span in spans) else None,
        batches=_batches(chosen),
    )
    return Selection(since, as_of, tuple(chosen)), manifest


def accepted_between(
    definition: Definition, reports: Iterable[BatchReport], *, since: datetime, before: datetime
) -> tuple[DatasetBatch, ...]:
    """The accepted batches that may hold rows of [since, before), in the order they were received."""
    chosen = [
        report
        for report in reports
        if report.status is BatchStatus.ACCEPTED
        and (span := _span(definition, report))
        and span.first < before
        and span.last >= since
    ]
    return _batches(sorted(chosen, key=_arrival))


def _arrival(report: BatchReport) -> tuple[datetime, str]:
    return report.first_received_at, report.batch_id


def _batches(reports: Iterable[BatchReport]) -> tuple[DatasetBatch, ...]:
    return tuple(
        DatasetBatch(batch_id=report.batch_id, rows=report.rows.accepted, sha256=report.rows_sha256)
        for report in reports
    )


def divided_batches(definition: Definition, selection: Selection) -> tuple[str, ...]:
    """Chosen batches of which some rows may be outside of the cutoffs."""
    spans = {report.batch_id: _span(definition, report) for report in selection.reports}
    return tuple(batch_id for batch_id, span in spans.items() if span and _cuts(span, selection))


def _cuts(span: "_Span", selection: Selection) -> bool:
    return span.last >= selection.as_of or (selection.since is not None and span.first < selection.since)


def why_left_out(
    definition: Definition, report: BatchReport, *, as_of: datetime, known_at: datetime | None = None
) -> str | None:
    """In words; None for a batch that `build_manifest` chooses."""
    if report.status is not BatchStatus.ACCEPTED:
        return f"no row of it was accepted: {report.reason}"
    if known_at and report.received_at > known_at:
        return f"received at {_shown(report.received_at)}, after known-at"
    span, since = _span(definition, report), _since(definition, as_of)
    if span is None:
        return f"received at {_shown(report.received_at)}, after as-of" if report.received_at > as_of else None
    if span.first >= as_of:
        return f"its rows begin at {_shown(span.first)}, none is before as-of"
    if since and span.last < before(since, definition.history_reach):
        return f"its rows end at {_shown(span.last)}, before the training window, which begins at {_shown(since)}"
    return None


def _shown(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


def _since(definition: Definition, as_of: datetime) -> datetime | None:
    window = definition.training.window
    return before(as_of, window) if window else None


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


def before(moment: datetime, duration: timedelta) -> datetime:
    """So long before, or the first moment there is."""
    earliest = datetime.min.replace(tzinfo=UTC)
    return moment - duration if moment - earliest > duration else earliest


def _aware(moment: datetime) -> datetime:
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
