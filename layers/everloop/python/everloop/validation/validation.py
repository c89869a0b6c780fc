"""Judge one staged batch: accepted, quarantined or rejected; then write what follows from it, the report last."""

from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

from everloop.contracts.batches import (
    BatchReport,
    BatchStatus,
    RowCounts,
    StagedBatch,
    explain_missing_columns,
    undeclared_columns,
)
from everloop.contracts.definition import Definition
from everloop.ports import EventBus
from everloop.stores.batches import BatchStore, event_of
from everloop.validation.profiling import find_centres, profile_rows
from everloop.validation.rows import JudgedRows, judge_rows
from everloop.validation.verdict import judge_batch


class Validation:
    def __init__(self, *, batches: BatchStore, events: EventBus, definition_of: Callable[[str], Definition]) -> None:
        self._batches = batches
        self._events = events
        self._definition_of = definition_of

    def validate(self, model: str, batch_id: str) -> BatchReport:
        """Safe to repeat, and to die at any point: each object is written once, and the event is told again.

        Raises NotFoundError for an unknown model, ObjectNotFoundError for a batch that is not staged.
        """
        definition = self._definition_of(model)
        report = self._batches.standing_report(model, batch_id, definition.hash)
        if report is None:
            report = self._judge(self._batches.staged(model, batch_id), definition)
            self._batches.save_report(report)
        event_type, data = event_of(report)
        self._events.publish(event_type, subject=model, data=data)
        return report

    def _judge(self, staged: StagedBatch, definition: Definition) -> BatchReport:
        with TemporaryDirectory(prefix="validate-") as temporary:
            folder = Path(temporary)
            delivered = folder / "delivered.parquet"
            self._batches.download_staged(staged.model, staged.batch_id, delivered)
            with judge_rows(delivered, definition, folder=folder) as rows:
                return self._write(rows, staged, definition, folder)

    def _write(self, rows: JudgedRows, staged: StagedBatch, definition: Definition, folder: Path) -> BatchReport:
        accepted_file, quarantine_file = folder / "accepted.parquet", folder / "quarantine.parquet"
        delivered, invalid = rows.count_delivered(), rows.count_invalid()
        status, reason, detail = judge_batch(
            delivered=delivered, invalid=invalid, missing_columns=explain_missing_columns(rows.columns, definition)
        )
        accepted, duplicates, first, last = 0, 0, None, None
        is_accepted = status is BatchStatus.ACCEPTED
        quarantined = rows.write_quarantine(quarantine_file, whole=not is_accepted)
        if quarantined:
            self._batches.save_quarantine(staged.model, staged.batch_id, quarantine_file)
        if is_accepted:
            accepted = rows.write_accepted(accepted_file)
            if definition.data.row_id:
                duplicates = delivered - invalid - accepted
            first, last = rows.time_span(accepted_file)
            self._save_profile(rows, staged, definition, accepted_file)
            self._batches.save_rows(staged.model, staged.batch_id, accepted_file)
        return BatchReport(
            batch_id=staged.batch_id,
            model=staged.model,
            status=status,
            rows=RowCounts(
                delivered=delivered,
                accepted=accepted,
                quarantined=quarantined,
                duplicates=duplicates,
            ),
            problems=rows.problems(),
            undeclared_columns=undeclared_columns(rows.columns, definition),
            source=staged.source,
            received_at=staged.received_at,
            first_timestamp=first,
            last_timestamp=last,
            definition_hash=definition.hash,
            reason=reason,
            detail=detail,
        )

    def _save_profile(self, rows: JudgedRows, staged: StagedBatch, definition: Definition, accepted: Path) -> None:
        centres = self._batches.fix_centres(
            staged.model, definition.hash, propose=lambda: find_centres(rows.database, accepted, definition)
        )
        profile = profile_rows(rows.database, accepted, definition, centres)
        self._batches.save_profile(staged.model, staged.batch_id, profile.to_json())
