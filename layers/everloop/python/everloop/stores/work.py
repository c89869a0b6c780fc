"""Intermediate files of a training run: each written once, so a step that is repeated finds what it made."""

from collections.abc import Callable, Mapping

from everloop.errors import ObjectNotFoundError
from everloop.ports import ObjectStore

CANDIDATE = "candidate/"


class WorkStore:
    """The files of one run under work/{model}/{run_id}/ in the lake."""

    def __init__(self, objects: ObjectStore, model: str, run_id: str) -> None:
        self._objects = objects
        self._folder = f"work/{model}/{run_id}/"

    def read(self, name: str) -> bytes:
        """Raises ObjectNotFoundError."""
        try:
            return self._objects.get(self._folder + name).body
        except ObjectNotFoundError as error:
            raise ObjectNotFoundError(f"{error}; files of a run are kept for 30 days: train again") from error

    def find(self, name: str) -> bytes | None:
        try:
            return self.read(name)
        except ObjectNotFoundError:
            return None

    def once(self, name: str, make: Callable[[], bytes]) -> bytes:
        """What an attempt of the step wrote first, or, if none did, what `make` gives."""
        known = self.find(name)
        if known is None:
            self.write(name, make())
            known = self.read(name)
        return known

    def write(self, name: str, body: bytes) -> None:
        self._objects.put_new(self._folder + name, body)

    def write_all(self, files: Mapping[str, bytes]) -> None:
        for name, body in files.items():
            self.write(name, body)

    def candidate_files(self) -> dict[str, bytes]:
        """The files that become a version, by their names in it."""
        folder = self._folder + CANDIDATE
        return {key.removeprefix(folder): self._objects.get(key).body for key in self._objects.list_keys(folder)}
