"""In-memory stand-ins for the ports; tests/contract proves that they behave as the adapters do."""

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Lock
from typing import Any, NamedTuple

from everloop.errors import ObjectNotFoundError, PreconditionFailedError
from everloop.ports import Clock, StoredObject


class InMemoryObjectStore:
    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}
        self._lock = Lock()

    def get(self, key: str) -> StoredObject:
        try:
            body = self.objects[key]
        except KeyError as error:
            raise ObjectNotFoundError(f"{key} does not exist") from error
        return StoredObject(body, _etag(body))

    def exists(self, key: str) -> bool:
        return key in self.objects

    def size(self, key: str) -> int:
        return len(self.get(key).body)

    def put_new(self, key: str, body: bytes) -> bool:
        with self._lock:
            if key in self.objects:
                return False
            self.objects[key] = body
            return True

    def put(self, key: str, body: bytes) -> None:
        with self._lock:
            self.objects[key] = body

    def replace(self, key: str, body: bytes, *, etag: str | None) -> str:
        with self._lock:
            present = self.objects.get(key)
            if (None if present is None else _etag(present)) != etag:
                raise PreconditionFailedError(f"{key} was changed by somebody else")
            self.objects[key] = body
            return _etag(body)

    def list_keys(self, prefix: str, *, after: str = "") -> Iterator[str]:
        yield from sorted(key for key in list(self.objects) if key.startswith(prefix) and key > after)

    def download(self, key: str, path: Path, *, version: str | None = None) -> None:
        path.write_bytes(self.get(key).body)

    def upload_new(self, path: Path, key: str) -> bool:
        return self.put_new(key, path.read_bytes())

    def upload(self, path: Path, key: str) -> None:
        with self._lock:
            self.objects[key] = path.read_bytes()


def _etag(body: bytes) -> str:
    return hashlib.md5(body, usedforsecurity=False).hexdigest()


class PublishedEvent(NamedTuple):
    type: str
    subject: str
    data: dict[str, Any]


class InMemoryEventBus:
    def __init__(self) -> None:
        self.events: list[PublishedEvent] = []

    def publish(self, event_type: str, *, subject: str, data: Mapping[str, Any]) -> str:
        self.events.append(PublishedEvent(event_type, subject, dict(data)))
        return f"event-{len(self.events)}"


class InMemoryQueue:
    def __init__(self) -> None:
        self.messages: list[str] = []

    def send(self, body: str) -> None:
        self.messages.append(body)

    def begin(self, body: str) -> Callable[[], None]:
        return lambda: self.send(body)


class InMemoryExecutions:
    def __init__(self) -> None:
        self.running: set[str] = set()

    def is_running(self, execution: str) -> bool:
        return execution in self.running


class StoredItem(NamedTuple):
    body: bytes
    sequence: int
    expires_at: datetime


class InMemoryItemTable:
    def __init__(self, clock: Clock) -> None:
        self.items: dict[str, StoredItem] = {}
        self._clock = clock
        self._lock = Lock()

    def get(self, keys: Sequence[str]) -> dict[str, bytes]:
        now = self._clock.now()
        found = {key: item for key in keys if (item := self.items.get(key))}
        return {key: item.body for key, item in found.items() if now < item.expires_at}

    def put(self, key: str, body: bytes, *, sequence: int, expires_at: datetime) -> bool:
        with self._lock:
            present = self.items.get(key)
            if present and present.sequence > sequence:
                return False
            self.items[key] = StoredItem(body, sequence, expires_at)
            return True


class FixedClock:
    """Stands still until told to advance."""

    def __init__(self, now: datetime = datetime(2026, 1, 1, tzinfo=UTC)) -> None:
        self._now = now

    def now(self) -> datetime:
        return self._now

    def advance(self, duration: timedelta) -> None:
        self._now += duration
