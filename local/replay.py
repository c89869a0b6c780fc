"""Which quarantined rows and refused files may come in again: what the reports say, without asking anybody."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from everloop.contracts.batches import BatchReport

WITHOUT_BYTES = frozenset({"too_large", "object_gone"})
"""Reasons of files whose bytes nobody looked at: no definition helps, and their batch id is not that of the bytes."""


@dataclass(frozen=True)
class Candidate:
    """A batch of which something waits: rows in quarantine, or the whole file where it was uploaded to."""

    report: BatchReport
    judged_by: str | None
    """The hash of the definition that judged it last."""

    @property
    def is_file(self) -> bool:
        return self.report.is_unread

    @property
    def what(self) -> str:
        return f"file {self.report.source.key}" if self.is_file else f"{self.report.rows.quarantined:,} rows"


def waiting_rows(reports: Iterable[BatchReport]) -> dict[str, int]:
    """Batch → its quarantined rows, if no replay has taken them over: then they wait there, or are accepted."""
    known = list(reports)
    replayed = {report.source.replay_of for report in known if not report.is_unread}
    quarantined = {report.batch_id: report.rows.quarantined for report in known}
    return {batch_id: rows for batch_id, rows in quarantined.items() if rows and batch_id not in replayed}


def candidates(reports: Iterable[BatchReport]) -> list[Candidate]:
    """In the order of the reports."""
    known = list(reports)
    waiting = waiting_rows(known)
    # A replay that was refused unread leaves the rows where they are; it tells who judged them last.
    refused = {report.source.replay_of: report.definition_hash for report in known if report.is_unread}
    found = []
    for report in known:
        if report.batch_id in waiting:
            found.append(Candidate(report, refused.get(report.batch_id, report.definition_hash)))
        elif report.is_unread and report.source.replay_of is None and report.reason not in WITHOUT_BYTES:
            found.append(Candidate(report, report.definition_hash))
    return found


@dataclass(frozen=True)
class Totals:
    """delivered = accepted + duplicates + waiting, over all batches: no row is lost, and none is counted twice."""

    delivered: int
    """Without replays, whose rows were delivered before."""
    accepted: int
    duplicates: int
    waiting: int
    """Rows still in quarantine."""


def totals(reports: Sequence[BatchReport]) -> Totals:
    return Totals(
        delivered=sum(report.rows.delivered for report in reports if report.source.replay_of is None),
        accepted=sum(report.rows.accepted for report in reports),
        duplicates=sum(report.rows.duplicates for report in reports),
        waiting=sum(waiting_rows(reports).values()),
    )
