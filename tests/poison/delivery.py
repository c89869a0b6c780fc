"""Ingestion and validation as the functions wire them, on buckets in memory: one delivery from upload to report."""

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

from everloop.contracts.batches import BatchReport, batch_key
from everloop.contracts.definition import Definition
from everloop.contracts.s3_events import CreatedObject
from everloop.errors import NotFoundError
from everloop.ingestion.ingestion import Ingestion, Outcome
from everloop.stores.batches import BatchStore, quarantine_key
from everloop.stores.predictions import PredictionLog
from everloop.validation.validation import Validation
from tests.fakes import InMemoryEventBus, InMemoryObjectStore

RECEIVED_AT = datetime(2026, 3, 14, 9, 26, tzinfo=UTC)


class Delivery:
    def __init__(self, definitions: Mapping[str, Definition]) -> None:
        self._definitions = definitions
        self._landing = InMemoryObjectStore()
        self._lake = InMemoryObjectStore()
        batches, events = BatchStore(self._lake), InMemoryEventBus()
        self._batches = batches
        self._ingestion = Ingestion(
            landing=lambda _: self._landing, batches=batches, events=events, definition_of=self._definition_of
        )
        self._validation = Validation(
            batches=batches, predictions=PredictionLog(self._lake), events=events, definition_of=self._definition_of
        )

    def _definition_of(self, name: str) -> Definition:
        try:
            return self._definitions[name]
        except KeyError as error:
            raise NotFoundError(f"no model is called {name!r}") from error

    def deliver(self, file: Path, key: str) -> BatchReport:
        self._landing.objects[key] = file.read_bytes()
        ingested = self._ingestion.ingest(CreatedObject("landing", key, "v1", file.stat().st_size, RECEIVED_AT))
        if ingested.outcome is Outcome.STAGED:
            return self._validation.validate(ingested.model, ingested.batch_id)
        return self._batches.report(ingested.model, ingested.batch_id)

    def download_accepted(self, report: BatchReport, path: Path) -> None:
        self._lake.download(batch_key(report.model, report.batch_id), path)

    def download_quarantine(self, report: BatchReport, path: Path) -> None:
        self._lake.download(quarantine_key(report.model, report.batch_id), path)
