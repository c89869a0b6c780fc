"""A registry in memory whose store can die, or be looked into, between any two calls."""

from dataclasses import dataclass, field

import pytest

from everloop.contracts.registry import Aliases
from everloop.registry.operations import Operations
from everloop.stores.registry import ModelRegistry
from tests.fakes import FixedClock, InMemoryEventBus, InMemoryObjectStore
from tests.samples import NOW, counting_ids, register

MODEL = "pump-failure"


class KilledError(Exception):
    """The process died here."""


class DyingObjectStore(InMemoryObjectStore):
    """Dies at its n-th write: before it, or after it was stored but before the answer came."""

    def __init__(self, dies_at_write: int, *, after_storing: bool) -> None:
        super().__init__()
        self._left = dies_at_write
        self._after_storing = after_storing

    @property
    def died(self) -> bool:
        return self._left <= 0

    def put_new(self, key: str, body: bytes) -> bool:
        self._left -= 1
        if self._left == 0:
            if self._after_storing:
                super().put_new(key, body)
            raise KilledError(key)
        return super().put_new(key, body)


@dataclass
class World:
    store: InMemoryObjectStore = field(default_factory=InMemoryObjectStore)
    bus: InMemoryEventBus = field(default_factory=InMemoryEventBus)
    clock: FixedClock = field(default_factory=lambda: FixedClock(NOW))

    def __post_init__(self) -> None:
        self.registry = ModelRegistry(self.store)
        self.operations = Operations(self.registry, self.bus, self.clock, counting_ids("run"))

    def with_versions(self, count: int) -> "World":
        for number in range(1, count + 1):
            assert register(self.registry, MODEL, f"run-{number}") == number
        return self

    @property
    def aliases(self) -> Aliases:
        return self.registry.aliases(MODEL)


@pytest.fixture
def world() -> World:
    return World()
