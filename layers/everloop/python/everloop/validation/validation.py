"""Judge one staged batch: accepted, quarantined or rejected; then write what follows from it, the report last."""

from collections.abc import Callable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from everloop.contracts.batch_events import events_of
from everloop.contracts.batches import (
    BatchReport,
    BatchStatus,
    Problem,
    RowCounts,
    StagedBatch,
    find_missing_columns,
    undeclared_columns,
)
from everloop.contracts.definition import Definition
from everloop.errors import BatchRejectedError
from everloop.features.profile import Profile
from everloop.ids import sha256_of
from everloop.ports import EventBus
from everloop.reading.limits import Limits
from everloop.sql import open_database, threads_for
from everloop.stores.batches import BatchStore
from everloop.stores.predictions import PredictionLog
from everloop.validation.batch import JudgedBatch
from everloop.validation.findings import find
from everloop.validation.history import History, read_history
from everloop.validation.look import Look
from everloop.validation.rows import JudgedRows
from everloop.validation.verdict import Verdict, judge_batch


class Validation:
    def __init__(
        self,
        *,
        batches: BatchStore,
        predictions: PredictionLog,
        events: EventBus,
        definition_of: Callable[[str], Definition],
        limits: Limits = Limits(),  # noqa: B008 - frozen
    ) -> None:
        self._batches = batches
        self._predictions = predictions
        self._events = events
        self._definition_of = definition_of
        self._limits = limits

    def validate(self, model: str, batch_id: str) -> BatchReport:
        """Safe to repeat, and to die at any point: only the report makes a batch visible; the events are told again.

        Raises NotFoundError for an unknown model, ObjectNotFoundError for a batch that is not staged.
        """
        definition = self._definition_of(model)
        report = self._batches.standing_report(model, batch_id, definition.hash)
        if report is None:
            report = self._judge(self._batches.staged(model, batch_id), definition)
            self._batches.save_report(report)
        self._batches.record_arrival(report)
        for event_type, data in events_of(report):
            self._events.publish(event_type, subject=model, data=data)
        return report

    def _judge(self, staged: StagedBatch, definition: Definition) -> BatchReport:
        with TemporaryDirectory(prefix="validate-") as temporary:
            folder = Path(temporary)
            plain = folder / "delivered"
            self._batches.download_staged(staged.model, staged.batch_id, plain)
            try:
                with open_database(folder, threads=threads_for(plain)) as database:
                    rows = JudgedRows(database, plain, staged.reading, definition, limits=self._limits)
                    return _Judgement(
                        rows, staged, definition, batches=self._batches, predictions=self._predictions, folder=folder
                    ).report()
            except BatchRejectedError as error:
                verdict = Verdict(BatchStatus.REJECTED, error.reason, error.detail)
                return report_of(staged, definition, verdict, RowCounts())


class _Judgement:
    """One batch on its way from rows to a report."""

    def __init__(
        self,
        rows: JudgedRows,
        staged: StagedBatch,
        definition: Definition,
        *,
        batches: BatchStore,
        predictions: PredictionLog,
        folder: Path,
    ) -> None:
        self._batches = batches
        self._predictions = predictions
        self._staged = staged
        self._definition = definition
        self._folder = folder
        self._rows = rows

    def report(self) -> BatchReport:
        look = self._rows.look(self._batches.centres(self._definition.name, self._definition.hash) or {})
        if look.delivered == 0:
            raise BatchRejectedError("no_rows", "expected rows below the column names, got none; export it again")
        problems: tuple[Problem, ...] = ()
        if look.invalid:
            self._rows.find_faults()
            problems = self._rows.problems()
        verdict = judge_batch(
            delivered=look.delivered,
            invalid=look.invalid,
            problems=problems,
            missing_columns=find_missing_columns(self._staged.reading.columns, self._definition),
            maximum_invalid_share=self._maximum_invalid_share,
        )
        if verdict.status is BatchStatus.ACCEPTED:
            return self._accept(look, problems)
        quarantined = self._save_quarantine(self._rows.write_all_to_quarantine)
        counts = RowCounts(delivered=look.delivered, quarantined=quarantined)
        return report_of(self._staged, self._definition, verdict, counts, problems=problems)

    @property
    def _maximum_invalid_share(self) -> float:
        """Of a replay no row is doubted for its neighbours: they are a selection of bad ones already."""
        return 1.0 if self._staged.source.replay_of else self._definition.data.maximum_invalid_share

    def _accept(self, look: Look, problems: Sequence[Problem]) -> BatchReport:
        keys = look.keys
        keys.sort()
        is_first = np.concatenate([[True], keys[1:] != keys[:-1]]) if len(keys) else np.empty(0, np.bool_)
        repeated = not is_first.all()
        quarantined = self._save_quarantine(self._rows.write_quarantine) if look.invalid else 0
        accepted_file = self._folder / "accepted.parquet"
        accepted = self._rows.write_accepted(accepted_file, newest_only=repeated)
        counts = RowCounts(
            delivered=look.delivered,
            accepted=accepted,
            quarantined=quarantined,
            duplicates=look.delivered - quarantined - accepted if repeated else 0,
        )
        profile = self._profile(look.profile, accepted_file, again=repeated)
        first, last = self._rows.time_span(accepted_file)
        batch = JudgedBatch(
            definition=self._definition,
            reading=self._staged.reading,
            received_at=self._staged.received_at,
            rows=counts,
            problems=tuple(problems),
            profile=profile,
            first_timestamp=first,
            last_timestamp=last,
            accepted=accepted_file,
            database=self._rows.database,
            row_keys=keys[is_first] if repeated else keys,
            is_replay=self._staged.source.replay_of is not None,
        )
        history = (
            History()
            if batch.is_replay
            else read_history(
                self._batches,
                self._predictions,
                self._definition,
                before=self._staged.received_at,
                batch_id=self._staged.batch_id,
                folder=self._folder,
                last_timestamp=last,
            )
        )
        findings = find(batch, history)
        model, batch_id = self._staged.model, self._staged.batch_id
        self._batches.save_profile(model, batch_id, profile.to_json())
        if self._definition.data.row_id:
            self._batches.save_keys(model, batch_id, batch.row_keys)
        self._batches.save_rows(model, batch_id, accepted_file)
        return report_of(
            self._staged,
            self._definition,
            Verdict(BatchStatus.ACCEPTED, findings=findings),
            counts,
            problems=problems,
            first_timestamp=first,
            last_timestamp=last,
            rows_sha256=sha256_of(accepted_file),
        )

    def _profile(self, looked: Profile, accepted: Path, *, again: bool) -> Profile:
        """Of the accepted rows, about the centres that all batches of a definition share: the first one fixes them."""
        fixed = self._batches.fix_centres(self._definition.name, self._definition.hash, propose=lambda: looked.centres)
        if fixed == looked.centres and not again:
            return looked
        return self._rows.look_again(accepted, fixed)

    def _save_quarantine(self, write: Callable[[Path, str], int]) -> int:
        path = self._folder / "quarantine.parquet"
        rows = write(path, self._staged.batch_id)
        self._batches.save_quarantine(self._staged.model, self._staged.batch_id, path)
        return rows


def report_of(
    staged: StagedBatch,
    definition: Definition,
    verdict: Verdict,
    rows: RowCounts,
    *,
    problems: Sequence[Problem] = (),
    **more: Any,
) -> BatchReport:
    return BatchReport(
        batch_id=staged.batch_id,
        model=staged.model,
        status=verdict.status,
        rows=rows,
        problems=tuple(problems),
        findings=verdict.findings,
        reading=staged.reading,
        undeclared_columns=undeclared_columns(staged.reading.columns, definition),
        source=staged.source,
        received_at=staged.received_at,
        definition_hash=definition.hash,
        timestamp_column=definition.data.timestamp,
        reason=verdict.reason,
        detail=verdict.detail,
        **more,
    )
