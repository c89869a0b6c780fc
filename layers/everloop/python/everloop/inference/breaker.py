"""Leaves a version alone that keeps failing, and tells the other workers."""

from datetime import timedelta

from pydantic import ValidationError

from everloop.contracts.registry import Breaker as Resting
from everloop.contracts.registry import Rest
from everloop.errors import ObjectNotFoundError, StorageError
from everloop.ports import Clock, NoteBoard

FAILURES = 3
"""In a row, of one worker, before a version rests."""
FIRST_PAUSE_S, LONGEST_PAUSE_S = 30.0, 300.0


class Breaker:
    """What one worker knows of one model's versions (Nygard, Release It!, 2018, ch. 5: circuit breaker)."""

    def __init__(self, model: str, notes: NoteBoard, clock: Clock) -> None:
        self._key = f"{model}/breaker.json"
        self._notes = notes
        self._clock = clock
        self._failures: dict[int, int] = {}
        self._resting: dict[int, Rest] = {}

    def refresh(self) -> None:
        """Learn what the others found; what cannot be read changes nothing, since each worker finds it out itself."""
        for version, rest in self._told().items():
            if self._clock.now() < rest.until and version not in self._resting:
                self._resting[version] = rest

    def rest_of(self, version: int) -> Rest | None:
        """None when it may be asked."""
        rest = self._resting.get(version)
        return rest if rest and self._clock.now() < rest.until else None

    def succeeded(self, version: int) -> None:
        self._failures.pop(version, None)
        if self._resting.pop(version, None):
            self._tell()

    def failed(self, version: int, reason: str) -> None:
        self._failures[version] = self._failures.get(version, 0) + 1
        last = self._resting.get(version)
        if last is None and self._failures[version] < FAILURES:
            return
        pause_s = min(2 * last.pause_s, LONGEST_PAUSE_S) if last else FIRST_PAUSE_S
        until = self._clock.now() + timedelta(seconds=pause_s)
        self._resting[version] = Rest(until=until, pause_s=pause_s, reason=reason[:300])
        self._tell()

    def _told(self) -> dict[int, Rest]:
        try:
            return Resting.model_validate_json(self._notes.get(self._key).body).resting
        except (ObjectNotFoundError, StorageError, ValidationError):
            return {}

    def _tell(self) -> None:
        try:
            self._notes.put(self._key, Resting(resting=self._resting).model_dump_json().encode())
        except StorageError:  # NOTE: then each worker finds it out itself
            return
