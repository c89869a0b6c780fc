"""Kept states of entities: one item for each entity of each `by` of a model."""

import hashlib
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from itertools import islice
from typing import NamedTuple

from everloop.contracts.definition import Definition
from everloop.contracts.history import HistoryFeature
from everloop.features.history.state import FORMAT
from everloop.ports import MAXIMUM_ITEM_BYTES, ItemTable

_WRITERS = 10
"""Threads that wait for writes at once: as many as a client keeps connections."""
_ITEMS_AT_ONCE = 1_000
_NEVER = datetime(9999, 1, 1, tzinfo=UTC)
BUILT = "built"
"""What the key of the mark ends with."""


class HistoryGroup(NamedTuple):
    """The features of one `by`, which are kept together."""

    by: tuple[str, ...]
    features: dict[str, HistoryFeature]
    prefix: str
    """Of the keys of its items: other declarations have others, so no state is ever read as another's."""

    @property
    def mark(self) -> str:
        """Key of what is there once all its entities were written: from then on each batch brings its own up to date.

        It lies beside the items, so that a new table, or one that was emptied, is built anew.
        """
        return self.prefix + BUILT


def history_groups(definition: Definition) -> list[HistoryGroup]:
    features, digests = definition.history_features, definition.history_digests
    groups = []
    for by in dict.fromkeys(feature.history.by for feature in features.values()):
        own = {name: feature for name, feature in features.items() if feature.history.by == by}
        declared = f"{FORMAT} {[digests[name] for name in own]}"
        digest = hashlib.sha256(declared.encode()).hexdigest()[:12]
        groups.append(HistoryGroup(by, own, f"{definition.name}/{digest}/"))
    return groups


class KeptItem(NamedTuple):
    key: str
    body: bytes
    expires_at: datetime


class Written(NamedTuple):
    items: int
    too_large: int
    """Of them, those that were written without their state."""


class HistoryStore:
    def __init__(self, table: ItemTable) -> None:
        self._table = table

    def write(self, items: Iterable[KeptItem], *, sequence: int) -> Written:
        """A few at a time; raises StorageError."""
        remaining = iter(items)
        written = too_large = 0
        with ThreadPoolExecutor(_WRITERS) as pool:
            while some := list(islice(remaining, _ITEMS_AT_ONCE)):
                fit = list(pool.map(lambda item: self._write(item, sequence), some))
                written, too_large = written + len(fit), too_large + fit.count(False)
        return Written(written, too_large)

    def _write(self, item: KeptItem, sequence: int) -> bool:
        # What is too large is written without its state: an old one would be read as if nothing had come since.
        fits = len(item.body) <= MAXIMUM_ITEM_BYTES
        self._table.put(item.key, item.body if fits else b"", sequence=sequence, expires_at=item.expires_at)
        return fits

    def is_built(self, group: HistoryGroup) -> bool:
        return bool(self._table.get([group.mark]))

    def mark_built(self, group: HistoryGroup) -> None:
        self._table.put(group.mark, b"built", sequence=0, expires_at=_NEVER)
