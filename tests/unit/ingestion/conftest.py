import hashlib
from dataclasses import dataclass, field
from datetime import UTC, datetime

import pytest

from everloop.contracts.batches import BatchReport
from everloop.contracts.definition import Definition
from everloop.contracts.s3_events import CreatedObject
from everloop.errors import NotFoundError
from everloop.ingestion.ingestion import Ingested, Ingestion
from everloop.reading.limits import Limits
from everloop.stores.batches import BatchStore
from tests.fakes import InMemoryEventBus, InMemoryObjectStore

RECEIVED_AT = datetime(2026, 3, 14, 9, 26, tzinfo=UTC)


def pump(**changes: object) -> Definition:
    columns = {"speed": {"type": "number", "nullable": False}, "kind": "category", "broken": "boolean"}
    definition = {"name": "pump", "task": "binary-classification", "data": {"target": "broken"}, "columns": columns}
    return Definition.model_validate(definition | changes)


@dataclass
class World:
    """Landing bucket, lake and bus in memory, with one known model."""

    definition: Definition = field(default_factory=pump)
    landing: InMemoryObjectStore = field(default_factory=InMemoryObjectStore)
    lake: InMemoryObjectStore = field(default_factory=InMemoryObjectStore)
    bus: InMemoryEventBus = field(default_factory=InMemoryEventBus)
    limits: Limits = field(default_factory=Limits)

    @property
    def batches(self) -> BatchStore:
        return BatchStore(self.lake)

    def definition_of(self, name: str) -> Definition:
        if name != self.definition.name:
            raise NotFoundError(f"no model is called {name!r}; deployed models: {self.definition.name}")
        return self.definition

    @property
    def ingestion(self) -> Ingestion:
        return Ingestion(
            landing=lambda _: self.landing,
            batches=self.batches,
            events=self.bus,
            definition_of=self.definition_of,
            limits=self.limits,
        )

    def upload(self, body: bytes | str, key: str = "uploads/pump/file", size: int | None = None) -> Ingested:
        content = body if isinstance(body, bytes) else body.encode()
        self.landing.objects[key] = content
        size_bytes = len(content) if size is None else size
        return self.ingestion.ingest(CreatedObject("landing", key, "v1", size_bytes, RECEIVED_AT))

    def report(self, ingested: Ingested) -> BatchReport:
        return self.batches.report(ingested.model, ingested.batch_id)


@pytest.fixture
def world() -> World:
    return World()


def sha(body: bytes) -> str:
    return hashlib.sha256(body).hexdigest()[:16]
