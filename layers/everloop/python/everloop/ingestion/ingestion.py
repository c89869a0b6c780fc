"""Take in one uploaded file: known already, refused with a reason, or staged for validation."""

import hashlib
import re
from collections.abc import Callable
from enum import StrEnum
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from everloop.contracts.batch_events import events_of
from everloop.contracts.batches import (
    BATCH_ID_DIGITS,
    BatchReport,
    BatchStatus,
    Finding,
    Reading,
    Source,
    StagedBatch,
    find_missing_columns,
    undeclared_columns,
)
from everloop.contracts.definition import Definition
from everloop.contracts.s3_events import CreatedObject
from everloop.errors import BatchRejectedError, NotFoundError, ObjectNotFoundError
from everloop.ids import sha256_of
from everloop.ports import EventBus, ObjectStore
from everloop.reading.limits import Limits
from everloop.reading.readers.parquet import batch_named_in
from everloop.reading.upload import open_upload, too_large
from everloop.stores.batches import BatchStore

NO_MODEL = "_"
"""Stands for the model of a file that was not uploaded to uploads/{model}/."""

_MODEL_KEY = re.compile(r"uploads/([a-z][a-z0-9-]{0,62})/.+", re.DOTALL)
_REPLAY_KEY = re.compile(r"uploads/[^/]+/replays/([0-9a-f]+)\.parquet")


class Outcome(StrEnum):
    STAGED = "staged"
    REJECTED = "rejected"
    DUPLICATE = "duplicate"
    """The same bytes were judged before, or wait for it; nothing changes and nobody is told again."""


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
        limits: Limits = Limits(),  # noqa: B008  # frozen
    ) -> None:
        """`landing` opens the bucket of that name; `definition_of` raises NotFoundError for an unknown model."""
        self._landing = landing
        self._batches = batches
        self._events = events
        self._definition_of = definition_of
        self._limits = limits

    def ingest(self, upload: CreatedObject) -> Ingested:
        """Safe to repeat, and to die at any point; raises StorageError when the buckets do not answer."""
        model = _model_of(upload.key)
        with TemporaryDirectory(prefix="ingest-") as folder:
            return self._ingest(model, upload, Path(folder))

    def _ingest(self, model: str, upload: CreatedObject, folder: Path) -> Ingested:
        file = folder / "upload"
        unavailable = self._download(upload, file)
        batch_id = (_hash_of_version(upload) if unavailable else sha256_of(file))[:BATCH_ID_DIGITS]
        judged = self._batches.standing_report(model, batch_id, self._definition_hash(model))
        if judged:
            return _duplicate(model, batch_id, f"was judged before: {judged.status}")
        replayed = None if unavailable else self._replayed(model, upload.key, file)
        source = _source_of(upload, replayed)
        reading: Reading | None = None
        missing: Finding | None = None
        try:
            if unavailable:
                raise unavailable
            definition = self._definition(model)
            plain, reading = open_upload(
                file,
                hints=definition.data.csv,
                declared=tuple(definition.columns),
                folder=folder,
                limits=self._limits,
                looks_like=replayed.reading if replayed else None,
            )
            missing = find_missing_columns(reading.columns, definition)
            if missing:
                raise BatchRejectedError(missing.reason, missing.detail)
        except BatchRejectedError as error:
            self._reject(
                BatchReport(
                    batch_id=batch_id,
                    model=model,
                    status=BatchStatus.REJECTED,
                    findings=(missing,) if missing else (),
                    reading=reading,
                    undeclared_columns=undeclared_columns(reading.columns, definition) if reading else (),
                    source=source,
                    received_at=upload.created_at,
                    definition_hash=self._definition_hash(model),
                    reason=error.reason,
                    detail=error.detail,
                )
            )
            return Ingested(model, batch_id, Outcome.REJECTED, error.reason, error.detail)
        staged = StagedBatch(
            batch_id=batch_id, model=model, source=source, received_at=upload.created_at, reading=reading
        )
        if not self._batches.stage(staged, plain):
            return _duplicate(model, batch_id, "waits for validation")
        return Ingested(model, batch_id, Outcome.STAGED)

    def _download(self, upload: CreatedObject, file: Path) -> BatchRejectedError | None:
        """Why there are no bytes to judge. The event's version is read, so that a replaced object is still itself."""
        if upload.size_bytes > self._limits.file_bytes:
            return too_large(upload.size_bytes, self._limits)
        try:
            self._landing(upload.bucket).download(upload.key, file, version=upload.version_id)
        except ObjectNotFoundError:
            return BatchRejectedError(
                "object_gone", f"expected {upload.key!r} in the landing bucket, but it was deleted; upload it again"
            )
        return None

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

    def _replayed(self, model: str, key: str, file: Path) -> BatchReport | None:
        """The report on the batch whose quarantined rows the file brings back, if both key and file name it."""
        match = _REPLAY_KEY.fullmatch(key)
        if not match or batch_named_in(file) != match[1]:
            return None
        try:
            return self._batches.report(model, match[1])
        except NotFoundError:
            return None

    def _reject(self, report: BatchReport) -> None:
        # NOTE: told first, recorded last: once the report is there, a repeated delivery is silent.
        for event_type, told in events_of(report):
            self._events.publish(event_type, subject=report.model, data=told)
        self._batches.save_report(report)


def _duplicate(model: str, batch_id: str, what: str) -> Ingested:
    return Ingested(model, batch_id, Outcome.DUPLICATE, detail=f"the same bytes are batch {batch_id}, which {what}")


def _source_of(upload: CreatedObject, replayed: BatchReport | None) -> Source:
    return Source(
        bucket=upload.bucket,
        key=upload.key,
        version_id=upload.version_id,
        size_bytes=upload.size_bytes,
        replay_of=replayed.batch_id if replayed else None,
        first_received_at=replayed.first_received_at if replayed else None,
    )


def _model_of(key: str) -> str:
    """A folder that could not be a model's name stands for none: such names go into keys and metrics.

    >>> _model_of("uploads/flight-delay/2013/january.csv"), _model_of("uploads/january.csv"), _model_of("uploads/../x")
    ('flight-delay', '_', '_')
    """
    match = _MODEL_KEY.fullmatch(key)
    return match[1] if match else NO_MODEL


def _hash_of_version(upload: CreatedObject) -> str:
    """For bytes that cannot be had: the object's version is as unique as they are."""
    return hashlib.sha256(f"{upload.bucket}/{upload.key}@{upload.version_id}".encode()).hexdigest()
