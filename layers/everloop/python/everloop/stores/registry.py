"""The model registry: versions are immutable and hashed, aliases change by compare-and-swap alone."""

import hashlib
import random
import re
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime

from pydantic import ValidationError

from everloop.contracts.registry import Aliases, Manifest, RunPointer, RunReport
from everloop.errors import (
    IntegrityError,
    ModelMissingError,
    NotFoundError,
    ObjectNotFoundError,
    PreconditionFailedError,
)
from everloop.ports import ObjectReader, ObjectStore

MANIFEST = "manifest.json"
LINEAGE = "lineage.json"
_VERSION_KEY = re.compile(r".*/versions/(\d+)/([^/]+)")
_SWAP_ATTEMPTS = 100
_SWAP_PAUSE_S = 0.02
_READERS = 10
"""Threads that read at once: as many as a client of S3 keeps connections."""


class VersionReader:
    """What an answer needs of the registry."""

    def __init__(self, objects: ObjectReader) -> None:
        self._objects = objects

    def manifest(self, model: str, version: int) -> Manifest:
        """Raises NotFoundError, or IntegrityError for a manifest that cannot be read."""
        try:
            return Manifest.model_validate_json(self._objects.get(f"{model}/versions/{version}/{MANIFEST}").body)
        except ObjectNotFoundError as error:
            raise NotFoundError(f"model {model!r} has no version {version}") from error
        except ValidationError as error:
            raise IntegrityError(f"{model} version {version}: its manifest is damaged") from error

    def read(self, model: str, version: int, name: str) -> bytes:
        """A version's file, only if its bytes are those of the manifest.

        Raises IntegrityError, ModelMissingError, and NotFoundError for what the manifest does not name.
        """
        expected = self.manifest(model, version).files.get(name)
        if expected is None:
            raise NotFoundError(f"version {version} of {model!r} has no file {name!r}")
        try:
            body = self._objects.get(f"{model}/versions/{version}/{name}").body
        except ObjectNotFoundError as error:
            raise ModelMissingError(f"{model} version {version}: {name} is gone") from error
        found = hashlib.sha256(body).hexdigest()
        if found != expected:
            raise IntegrityError(f"{model} version {version}: {name} has sha256 {found}, its manifest says {expected}")
        return body

    def aliases(self, model: str) -> Aliases:
        """Raises IntegrityError when they cannot be read."""
        return self._aliases(model)[0]

    def _aliases(self, model: str) -> tuple[Aliases, str | None]:
        try:
            stored = self._objects.get(f"{model}/aliases.json")
        except ObjectNotFoundError:
            return Aliases(model=model), None
        try:
            return Aliases.model_validate_json(stored.body), stored.etag
        except ValidationError as error:
            raise IntegrityError(f"{model}: aliases.json is damaged; restore its last good version") from error


class ModelRegistry(VersionReader):
    _objects: ObjectStore

    def __init__(self, objects: ObjectStore) -> None:
        self._objects = objects

    # Versions

    def versions(self, model: str) -> list[int]:
        """Complete versions, oldest first."""
        return sorted(version for version, name in self._files(model) if name == MANIFEST)

    def register(self, model: str, run_id: str, files: Mapping[str, bytes], *, now: datetime) -> int:
        """Store a candidate's files as the next version and return its number; the same run gets the same number.

        `files` must hold lineage.json, which names the run: it claims the number, the manifest completes it.
        """
        # WARNING: the pointer comes between claim and manifest: a run that dies before it leaves a number without
        # a manifest, which is no version; one that dies after it goes on with its number, whoever claimed meanwhile.
        pointer = f"{model}/runs/{run_id}.json"
        if not self._objects.exists(pointer):
            claimed = RunPointer(version=self._claim(model, files[LINEAGE]))
            self._objects.put_new(pointer, claimed.model_dump_json().encode())
        version = RunPointer.model_validate_json(self._objects.get(pointer).body).version
        folder = f"{model}/versions/{version}/"
        for name, body in files.items():
            self._objects.put_new(folder + name, body)
        manifest = Manifest(
            model=model,
            version=version,
            run_id=run_id,
            created_at=now,
            files={name: hashlib.sha256(body).hexdigest() for name, body in sorted(files.items())},
        )
        self._objects.put_new(folder + MANIFEST, manifest.model_dump_json(indent=1).encode())
        return version

    def _claim(self, model: str, lineage: bytes) -> int:
        version = max((found for found, _ in self._files(model)), default=1)
        while not self._objects.put_new(key := f"{model}/versions/{version}/{LINEAGE}", lineage):
            if self._objects.get(key).body == lineage:  # an earlier attempt of this very run died after claiming
                break
            version += 1
        return version

    def _files(self, model: str) -> list[tuple[int, str]]:
        matches = map(_VERSION_KEY.fullmatch, self._objects.list_keys(f"{model}/versions/"))
        return [(int(match[1]), match[2]) for match in matches if match]

    # Aliases

    def change_aliases(self, model: str, change: Callable[[Aliases], Aliases]) -> Aliases:
        """Apply `change` to the newest aliases until nobody else was faster; `change` may run several times."""
        wanted = None
        for attempt in range(_SWAP_ATTEMPTS):
            present, etag = self._aliases(model)
            # A swap whose answer was lost is sent again by the client and refused then: it is written all the same.
            if wanted and present.history[: wanted.epoch] == wanted.history:
                return present
            wanted = change(present)
            if wanted == present:
                return present
            try:
                self._objects.replace(f"{model}/aliases.json", wanted.model_dump_json(indent=1).encode(), etag=etag)
            except PreconditionFailedError:
                # NOTE: a random pause lets one of many writers through; the loop's condition is the swap itself.
                time.sleep(random.uniform(0, _SWAP_PAUSE_S * min(attempt + 1, 10)))
            else:
                return wanted
        raise PreconditionFailedError(f"{model}: the aliases changed {_SWAP_ATTEMPTS} times meanwhile; try again")

    # Runs

    def save_report(self, report: RunReport) -> bool:
        key = f"{report.model}/reports/{report.run_id}.json"
        return self._objects.put_new(key, report.model_dump_json(indent=1).encode())

    def report(self, model: str, run_id: str) -> RunReport:
        """Raises NotFoundError while the run goes on."""
        try:
            body = self._objects.get(f"{model}/reports/{run_id}.json").body
        except ObjectNotFoundError as error:
            raise NotFoundError(f"run {run_id!r} of {model!r} has not ended, or never began") from error
        return RunReport.model_validate_json(body)

    def reports(self, model: str, *, newest: int) -> list[RunReport]:
        """The ended runs, oldest first; of more than `newest`, those whose ids come last, and ids go with time."""
        keys = list(self._objects.list_keys(f"{model}/reports/"))[-newest:]
        with ThreadPoolExecutor(_READERS) as pool:
            found = [RunReport.model_validate_json(stored.body) for stored in pool.map(self._objects.get, keys)]
        return sorted(found, key=lambda report: (report.finished_at, report.run_id))
