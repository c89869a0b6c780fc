"""Take in one uploaded file: known already, refused with a reason, or staged for validation."""

import hashlib
from collections.abc import Callable
from enum import StrEnum
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from everloop.contracts.batches import BATCH_ID_DIGITS, BatchReport, BatchStatus, Source, StagedBatch
from everloop.contracts.definition import Definition
from everloop.contracts.s3_events import CreatedObject
from everloop.errors import BatchRejectedError, NotFoundError
from everloop.ingestion.limits import MAXIMUM_FILE_BYTES
from everloop.ingestion.staging import write_staged_rows
from everloop.ports import EventBus, ObjectStore
from everloop.stores.batches import BatchStore, event_of

NO_MODEL = "_"
"""Stands for the model of a file that was not uploaded to uploads/{model}/."""


class Outcome(StrEnum):
    STAGED = "staged"
    REJECTED = "rejected"
    DUPLICATE = "duplicate"
    """The same bytes were judged before; nothing changes and nobody is told again."""


class Ingested(NamedTuple):
    model: str
    batch_id: str
    outcome: Outcome
    reason: str | None = None
    detail: str | None = None


class Ingestion:
    def __init__(
        self,
        *,
        landing: Callable[[str], ObjectStore],
        batches: BatchStore,
        events: EventBus,
        definition_of: Callable[[str], Definition],
    ) -> None:
        """`landing` opens the bucket of that name; `definition_of` raises NotFoundError for an unknown model."""
        self._landing = landing
        self._batches = batches
        self._events = events
        self._definition_of = definition_of

    def ingest(self, upload: CreatedObject) -> Ingested:
        """Safe to repeat, and to die at any point; raises StorageError when the buckets do not answer."""
        model = _model_of(upload.key)
        with TemporaryDirectory(prefix="ingest-") as folder:
            return self._ingest(model, upload, Path(folder))

    def _ingest(self, model: str, upload: CreatedObject, folder: Path) -> Ingested:
        file, rows = folder / "upload", folder / "rows.parquet"
        fits = upload.size_bytes <= MAXIMUM_FILE_BYTES
        if fits:
            self._landing(upload.bucket).download(upload.key, file, version=upload.version_id)
        batch_id = (_hash_of_bytes(file) if fits else _hash_of_version(upload))[:BATCH_ID_DIGITS]
        if self._batches.standing_report(model, batch_id, self._definition_hash(model)):
            return Ingested(model, batch_id, Outcome.DUPLICATE)
        source = Source(
            bucket=upload.bucket, key=upload.key, version_id=upload.version_id, size_bytes=upload.size_bytes
        )
        staged = StagedBatch(batch_id=batch_id, model=model, source=source, received_at=upload.created_at)
        try:
            if not fits:
                expected = f"expected at most {MAXIMUM_FILE_BYTES} bytes, got {upload.size_bytes}"
                raise BatchRejectedError("too_large", f"{expected}; split the file")
            write_staged_rows(file, rows, self._definition(model), folder=folder)
        except BatchRejectedError as error:
            self._reject(staged, error)
            return Ingested(model, batch_id, Outcome.REJECTED, error.reason, error.detail)
        self._batches.stage(staged, rows)
        return Ingested(model, batch_id, Outcome.STAGED)

    def _definition(self, model: str) -> Definition:
        try:
            return self._definition_of(model)
        except NotFoundError as error:
            raise BatchRejectedError("unknown_model", f"{error}; upload to uploads/{{model}}/{{file}}") from error

    def _definition_hash(self, model: str) -> str | None:
        try:
            return self._definition_of(model).hash
        except NotFoundError:
            return None

    def _reject(self, staged: StagedBatch, error: BatchRejectedError) -> None:
        report = BatchReport(
            batch_id=staged.batch_id,
            model=staged.model,
            status=BatchStatus.REJECTED,
            source=staged.source,
            received_at=staged.received_at,
            definition_hash=self._definition_hash(staged.model),
            reason=error.reason,
            detail=error.detail,
        )
        event_type, data = event_of(report)
        # NOTE: told first, recorded last: once the report is there, a repeated delivery is silent.
        self._events.publish(event_type, subject=report.model, data=data)
        self._batches.save_report(report)


def _model_of(key: str) -> str:
    """
    >>> _model_of("uploads/flight-delay/2013/january.csv"), _model_of("uploads/january.csv")
    ('flight-delay', '_')
    """
    parts = key.split("/")
    return parts[1] if len(parts) >= 3 and parts[1] else NO_MODEL


def _hash_of_bytes(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _hash_of_version(upload: CreatedObject) -> str:
    """For a file too large for this disk: the object's version is as unique as its bytes."""
    return hashlib.sha256(f"{upload.bucket}/{upload.key}@{upload.version_id}".encode()).hexdigest()
