"""Warm state of one worker: who is champion, the versions it has loaded, and those that rest."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta

from everloop.contracts.definition import Definition
from everloop.contracts.registry import Aliases, Manifest
from everloop.errors import (
    EverloopError,
    IntegrityError,
    ModelMissingError,
    ModelUnavailableError,
    NotFoundError,
    StorageError,
    VersionRestsError,
)
from everloop.inference.breaker import Breaker
from everloop.ports import Clock, NoteBoard
from everloop.scorer import Scorer
from everloop.stores.registry import VersionReader

MODEL_FILE = "model.onnx"
_KEPT_SCORERS = 6
"""Loaded versions a worker keeps: champion, challenger and predecessor of two models."""


class Versions:
    """Aliases are not older than `aliases_max_age`, as long as they can be read."""

    def __init__(self, objects: NoteBoard, clock: Clock, aliases_max_age: timedelta) -> None:
        self._objects = objects
        self._registry = VersionReader(objects)
        self._clock = clock
        self._max_age = aliases_max_age
        self._aliases: dict[str, tuple[datetime, Aliases]] = {}
        self._scorers: dict[tuple[str, int], Scorer] = {}
        """The one that was asked last comes last."""
        self._breakers: dict[str, Breaker] = {}

    def aliases(self, model: str, failures: list[EverloopError]) -> Aliases:
        """What cannot be read is added to the failures: yesterday's champion is a better answer than none."""
        now = self._clock.now()
        known = self._aliases.get(model)
        if known and now - known[0] < self._max_age:
            return known[1]
        try:
            aliases = self._registry.aliases(model)
            if known and known[1].epoch and not aliases.epoch:
                raise IntegrityError(f"{model}: aliases.json is gone; restore its last good version")
        except (ModelUnavailableError, StorageError) as error:
            failures.append(error)
            if known is None:
                return Aliases(model=model)
            aliases = known[1]
        self._aliases[model] = now, aliases
        return aliases

    def manifest(self, model: str, version: int) -> Manifest:
        """Raises StorageError, NotFoundError, or IntegrityError for a manifest that cannot be read."""
        return self._registry.manifest(model, version)

    def breaker(self, model: str) -> Breaker:
        if model not in self._breakers:
            self._breakers[model] = Breaker(model, self._objects, self._clock)
        return self._breakers[model]

    def scorer(self, definition: Definition, version: int) -> Scorer:
        """Raises ModelUnavailableError, StorageError, and NotFoundError for a version there is not."""
        key = definition.name, version
        scorer = self._scorers.pop(key, None)
        if scorer is None:
            with foreseen(version):
                scorer = Scorer(self._registry.read(definition.name, version, MODEL_FILE))
                scorer.check_schema(definition)
            while len(self._scorers) >= _KEPT_SCORERS:
                self._scorers.pop(next(iter(self._scorers)))
        self._scorers[key] = scorer
        return scorer

    def working_scorer(self, definition: Definition, version: int) -> Scorer:
        """Of a version that may be asked now; raises ModelUnavailableError or StorageError."""
        rest = self.breaker(definition.name).rest_of(version)
        if rest:
            raise VersionRestsError(f"version {version} rests until {rest.until:%H:%M:%S} UTC: {rest.reason}")
        try:
            return self.scorer(definition, version)
        except NotFoundError as error:
            raise ModelMissingError(error.detail) from error


@contextmanager
def foreseen(version: int) -> Iterator[None]:
    """Whatever its file makes Python raise, it is this version that cannot answer, and the next in line does."""
    try:
        yield
    except EverloopError:
        raise
    except Exception as error:
        raise ModelUnavailableError(f"version {version} failed: {type(error).__name__}: {error}") from error
