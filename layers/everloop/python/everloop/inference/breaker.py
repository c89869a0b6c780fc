"""Leaves a version alone that keeps failing, and tells the other workers."""

from datetime import datetime, timedelta

from pydantic import ValidationError

from everloop.contracts.registry import Breaker as Resting
from everloop.contracts.registry import Rest
from everloop.errors import ObjectNotFoundError, StorageError
from everloop.ports import Clock, NoteBoard

FAILURES = 3
"""In a row, of one worker, before a version rests."""
FIRST_PAUSE_S, LONGEST_PAUSE_S = 30.0, 300.0


class Breaker:
    """What one worker knows of one model's versions (Nygard, Release It!, 2018, ch. 5: circuit breaker).

    It costs nothing while nothing fails: a worker reads what the others found when it meets a failure itself. One is
    enough then; without their word it takes `FAILURES`.
    """

    def __init__(self, model: str, notes: NoteBoard, clock: Clock) -> None:
        self._key = f"{model}/breaker.json"
        self._notes = notes
        self._clock = clock
        self._failures: dict[int, int] = {}
        self._rests: dict[int, Rest] = {}
        """Those that are over as well, for as long as another failure would make the next one longer."""

    def rest_of(self, version: int) -> Rest | None:
        """None when it may be asked."""
        rest = self._rests.get(version)
        return rest if rest and self._clock.now() < rest.until else None

    def succeeded(self, version: int) -> None:
        self._failures.pop(version, None)
        if version in self._rests:
            self._learn()
            self._rests.pop(version, None)  # what was long ago is forgotten by now
            self._tell()

    def failed(self, version: int, reason: str) -> None:
        self._failures[version] = self._failures.get(version, 0) + 1
        self._learn()
        last = self._rests.get(version)
        now = self._clock.now()
        if last is None and self._failures[version] < FAILURES:
            return
        if last and now < last.until:  # another worker was first
            return
        pause_s = min(2 * last.pause_s, LONGEST_PAUSE_S) if last else FIRST_PAUSE_S
        self._rests[version] = Rest(until=now + timedelta(seconds=pause_s), pause_s=pause_s, reason=reason[:300])
        self._tell()

    def _learn(self) -> None:
        """What the others found; what cannot be read changes nothing, since each worker finds it out itself."""
        now = self._clock.now()
        known = {version: rest for version, rest in self._rests.items() if _counts(rest, now)}
        for version, rest in self._told().items():
            if _counts(rest, now) and (version not in known or known[version].until < rest.until):
                known[version] = rest
        self._rests = known

    def _told(self) -> dict[int, Rest]:
        try:
            return Resting.model_validate_json(self._notes.get(self._key).body).resting
        except (ObjectNotFoundError, StorageError, ValidationError):
            return {}

    def _tell(self) -> None:
        """Two that write at once may lose a word: whoever would have read it needs some failures of its own."""
        try:
            self._notes.put(self._key, Resting(resting=self._rests).model_dump_json().encode())
        except StorageError:  # NOTE: then each worker finds it out itself
            return


def _counts(rest: Rest, now: datetime) -> bool:
    """Believable, and not so long ago that a new failure has nothing to do with it."""
    over = now - rest.until
    return timedelta(seconds=-LONGEST_PAUSE_S) <= over < timedelta(seconds=LONGEST_PAUSE_S)
