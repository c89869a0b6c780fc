"""The model registry: versions are immutable and hashed, aliases change by compare-and-swap alone."""

import hashlib
import random
import re
import time
from collections.abc import Callable, Mapping
from datetime import datetime

from everloop.contracts.registry import Aliases, Manifest, RunReport
from everloop.errors import IntegrityError, NotFoundError, ObjectNotFoundError, PreconditionFailedError
from everloop.ports import ObjectStore

MANIFEST = "manifest.json"
LINEAGE = "lineage.json"
_VERSION_KEY = re.compile(r".*/versions/(\d+)/([^/]+)")
_SWAP_ATTEMPTS = 100
_SWAP_PAUSE_S = 0.02


class ModelRegistry:
    def __init__(self, objects: ObjectStore) -> None:
        self._objects = objects

    # Versions

    def versions(self, model: str) -> list[int]:
        """Complete versions, oldest first."""
        return sorted(version for version, name in self._files(model) if name == MANIFEST)

    def manifest(self, model: str, version: int) -> Manifest:
        """Raises NotFoundError."""
        try:
            body = self._objects.get(f"{model}/versions/{version}/{MANIFEST}").body
        except ObjectNotFoundError as error:
            raise NotFoundError(f"model {model!r} has no version {version}") from error
        return Manifest.model_validate_json(body)

    def read(self, model: str, version: int, name: str) -> bytes:
        """A version's file, only if its bytes are those of the manifest; raises IntegrityError, NotFoundError."""
        expected = self.manifest(model, version).files.get(name)
        if expected is None:
            raise NotFoundError(f"version {version} of {model!r} has no file {name!r}")
        try:
            body = self._objects.get(f"{model}/versions/{version}/{name}").body
        except ObjectNotFoundError as error:
            raise IntegrityError(f"{model} version {version}: {name} is gone") from error
        found = hashlib.sha256(body).hexdigest()
        if found != expected:
            raise IntegrityError(f"{model} version {version}: {name} has sha256 {found}, its manifest says {expected}")
        return body

    def register(self, model: str, run_id: str, files: Mapping[str, bytes], *, now: datetime) -> int:
        """Store a candidate's files as the next version and return its number; the same run gets the same number.

        `files` must hold lineage.json, which names the run: it claims the number, the manifest completes it.
        """
        pointer = f"{model}/runs/{run_id}.json"
        try:
            version = int(Manifest.model_validate_json(self._objects.get(pointer).body).version)
        except ObjectNotFoundError:
            version = self._claim(model, files[LINEAGE])
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
        self._objects.put_new(pointer, manifest.model_dump_json(indent=1).encode())
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

    def aliases(self, model: str) -> Aliases:
        return self._aliases(model)[0]

    def change_aliases(self, model: str, change: Callable[[Aliases], Aliases]) -> Aliases:
        """Apply `change` to the newest aliases until nobody else was faster; `change` may run several times."""
        for attempt in range(_SWAP_ATTEMPTS):
            present, etag = self._aliases(model)
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

    def _aliases(self, model: str) -> tuple[Aliases, str | None]:
        try:
            stored = self._objects.get(f"{model}/aliases.json")
        except ObjectNotFoundError:
            return Aliases(model=model), None
        return Aliases.model_validate_json(stored.body), stored.etag

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
