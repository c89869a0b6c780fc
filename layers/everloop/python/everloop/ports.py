"""What the domain needs from the world, as Protocols; one contract test proves both adapters and fakes."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple, Protocol


class StoredObject(NamedTuple):
    body: bytes
    etag: str
    """Opaque; hand it back to `replace` to win or lose the compare-and-swap."""


class ObjectReader(Protocol):
    def get(self, key: str) -> StoredObject:
        """Raises ObjectNotFoundError."""


class NoteBoard(ObjectReader, Protocol):
    """Where workers leave word for one another: the last one to write is right, and what is lost is told again."""

    def put(self, key: str, body: bytes) -> None:
        """Write, whatever is there; raises StorageError."""


class ObjectStore(ObjectReader, Protocol):
    """One bucket. Objects are written once (`put_new`) or changed by compare-and-swap (`replace`)."""

    def exists(self, key: str) -> bool: ...

    def size(self, key: str) -> int:
        """In bytes; raises ObjectNotFoundError."""

    def put_new(self, key: str, body: bytes) -> bool:
        """False, and nothing changes, when the key exists already: writing twice is harmless."""

    def replace(self, key: str, body: bytes, *, etag: str | None) -> str:
        """Write only if the object still has this etag (None: only if it is absent) and return the new one.

        Raises PreconditionFailedError when somebody else was first.
        """

    def list_keys(self, prefix: str, *, after: str = "") -> Iterator[str]:
        """Keys with this prefix that sort after `after`, in lexical order."""

    def download(self, key: str, path: Path, *, version: str | None = None) -> None:
        """Copy the object (that very version of it, if given) to a local file; raises ObjectNotFoundError."""

    def upload_new(self, path: Path, key: str) -> bool:
        """`put_new` from a local file."""

    def upload(self, path: Path, key: str) -> None:
        """Write from a local file, whatever is there: for intermediates that are made anew."""


class EventBus(Protocol):
    def publish(self, event_type: str, *, subject: str, data: Mapping[str, Any]) -> str:
        """Send one CloudEvent 1.0 (`subject` is the model's name) and return its id."""


class MessageQueue(Protocol):
    def send(self, body: str) -> None:
        """Hand over one message of at most 1 MiB; raises StorageError when it could not be stored."""

    def begin(self, body: str) -> Callable[[], None]:
        """Begin to send; what is returned waits until the message is stored, and raises StorageError if it is not.

        One message is on its way at a time.
        """


class Executions(Protocol):
    def is_running(self, execution: str) -> bool:
        """False for one that ended, or that nobody knows; raises StorageError."""


class Clock(Protocol):
    def now(self) -> datetime:
        """The present moment, aware, UTC."""


class ItemReader(Protocol):
    def get(self, keys: Sequence[str]) -> dict[str, bytes]:
        """Those that are there; raises StorageError."""


class ItemTable(ItemReader, Protocol):
    """Small items by key, each replaced by newer ones only."""

    def put(self, key: str, body: bytes, *, sequence: int, expires_at: datetime) -> bool:
        """False, and nothing changes, when the item there has a higher sequence; raises StorageError.

        From `expires_at` on the item may vanish. A body has at most `MAXIMUM_ITEM_BYTES`.
        """


MAXIMUM_ITEM_BYTES = 390_000
"""DynamoDB takes 400 KB with the names of the attributes."""
