"""Dataset manifests in the lake."""

from everloop.contracts.datasets import DatasetManifest
from everloop.ports import ObjectStore


class DatasetStore:
    def __init__(self, objects: ObjectStore) -> None:
        self._objects = objects

    def save(self, manifest: DatasetManifest) -> str:
        """Store the manifest under its own version and return that."""
        key = f"datasets/{manifest.model}/{manifest.version}.json"
        self._objects.put_new(key, manifest.model_dump_json(indent=1).encode())
        return manifest.version
