"""Datasets in the lake: the manifest that is the version, what reading its rows told, and their profile."""

import re

from everloop.contracts.datasets import DatasetManifest, DatasetStatistics
from everloop.errors import NotFoundError, ObjectNotFoundError
from everloop.ports import ObjectStore

_VERSION = re.compile(r"[0-9a-f]{16}")
_LISTED = 20
"""Versions that an error names; the list has them all."""


class DatasetStore:
    """Each object is written once, the manifest last: a version that is listed is complete."""

    def __init__(self, objects: ObjectStore) -> None:
        self._objects = objects

    def save(self, manifest: DatasetManifest, statistics: DatasetStatistics, profile: bytes) -> str:
        """Store all under the manifest's own version and return that."""
        stem = f"datasets/{manifest.model}/{manifest.version}"
        self._objects.put_new(f"{stem}.profile.json", profile)
        self._objects.put_new(f"{stem}.statistics.json", statistics.model_dump_json(indent=1).encode())
        self._objects.put_new(f"{stem}.json", manifest.model_dump_json(indent=1).encode())
        return manifest.version

    def versions(self, model: str) -> list[str]:
        prefix = f"datasets/{model}/"
        stems = (key.removeprefix(prefix).removesuffix(".json") for key in self._objects.list_keys(prefix))
        return [stem for stem in stems if _VERSION.fullmatch(stem)]

    def exists(self, model: str, version: str) -> bool:
        return self._objects.exists(f"datasets/{model}/{version}.json")

    def manifest(self, model: str, version: str) -> DatasetManifest:
        """Raises NotFoundError, which names the versions there are."""
        return DatasetManifest.model_validate_json(self._read(model, version, "json"))

    def statistics(self, model: str, version: str) -> DatasetStatistics:
        """Raises NotFoundError."""
        return DatasetStatistics.model_validate_json(self._read(model, version, "statistics.json"))

    def profile(self, model: str, version: str) -> bytes:
        """Raises NotFoundError."""
        return self._read(model, version, "profile.json")

    def _read(self, model: str, version: str, suffix: str) -> bytes:
        if not _VERSION.fullmatch(version):
            raise self._not_found(model, version)
        try:
            return self._objects.get(f"datasets/{model}/{version}.{suffix}").body
        except ObjectNotFoundError as error:
            raise self._not_found(model, version) from error

    def _not_found(self, model: str, version: str) -> NotFoundError:
        known = self.versions(model)
        have = ", ".join(known[:_LISTED]) + (f" and {len(known) - _LISTED} more" if len(known) > _LISTED else "")
        return NotFoundError(f"model {model!r} has no dataset version {version[:80]!r}; there are: {have or 'none'}")
