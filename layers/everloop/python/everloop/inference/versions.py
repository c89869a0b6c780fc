"""Warm state of one worker: who is champion, the versions it has loaded, and those that rest."""

from datetime import datetime, timedelta

from everloop.contracts.definition import Definition
from everloop.contracts.registry import Aliases
from everloop.errors import ModelMissingError, ModelUnavailableError, NotFoundError, StorageError, VersionRestsError
from everloop.inference.breaker import Breaker
from everloop.ports import Clock, NoteBoard
from everloop.scorer import Scorer
from everloop.stores.registry import VersionReader

MODEL_FILE = "model.onnx"
_KEPT_SCORERS = 4
"""Loaded versions a worker keeps: champion and predecessor of two models, or one with pinned ones."""


class Versions:
    """Aliases are not older than `aliases_max_age`."""

    def __init__(self, objects: NoteBoard, clock: Clock, aliases_max_age: timedelta) -> None:
        self._objects = objects
        self._registry = VersionReader(objects)
        self._clock = clock
        self._max_age = aliases_max_age
        self._aliases: dict[str, tuple[datetime, Aliases]] = {}
        self._scorers: dict[tuple[str, int], Scorer] = {}
        self._breakers: dict[str, Breaker] = {}

    def aliases(self, model: str) -> Aliases:
        """Raises ModelUnavailableError or StorageError when they were never read and cannot be."""
        now = self._clock.now()
        known = self._aliases.get(model)
        if known and now - known[0] < self._max_age:
            return known[1]
        try:
            aliases = self._registry.aliases(model)
        except (ModelUnavailableError, StorageError):
            if known is None:
                raise
            aliases = known[1]  # S3 is away or the file is damaged: yesterday's champion is a better answer than none
        if known:  # a cold start has one more object to wait for otherwise, and will learn soon enough what fails
            self.breaker(model).refresh()
        self._aliases[model] = now, aliases
        return aliases

    def breaker(self, model: str) -> Breaker:
        if model not in self._breakers:
            self._breakers[model] = Breaker(model, self._objects, self._clock)
        return self._breakers[model]

    def scorer(self, definition: Definition, version: int) -> Scorer:
        """Raises ModelUnavailableError, StorageError, and NotFoundError for a version there is not."""
        key = definition.name, version
        if key not in self._scorers:
            scorer = Scorer(self._registry.read(definition.name, version, MODEL_FILE))
            scorer.check_schema(definition.task, definition.served_columns)
            while len(self._scorers) >= _KEPT_SCORERS:
                self._scorers.pop(next(iter(self._scorers)))
            self._scorers[key] = scorer
        return self._scorers[key]

    def working_scorer(self, definition: Definition, version: int) -> Scorer:
        """Of a version that may be asked now; raises ModelUnavailableError or StorageError."""
        rest = self.breaker(definition.name).rest_of(version)
        if rest:
            raise VersionRestsError(f"version {version} rests until {rest.until:%H:%M:%S} UTC: {rest.reason}")
        try:
            return self.scorer(definition, version)
        except NotFoundError as error:
            raise ModelMissingError(error.detail) from error
