"""The prediction log in the lake: Parquet files of predictions and of outcomes, by day."""

import hashlib
from collections.abc import Iterator
from datetime import date
from pathlib import Path

from everloop.ports import ObjectStore

INPUT_PREFIX = "input_"
"""Of the columns that hold what a prediction was made from."""


class PredictionLog:
    def __init__(self, objects: ObjectStore) -> None:
        self._objects = objects

    def append(self, kind: str, model: str, day: date, path: Path) -> bool:
        """Store one Parquet file under its content's hash; `kind` is `predictions` or `outcomes`."""
        name = hashlib.sha256(path.read_bytes()).hexdigest()[:16]
        return self._objects.upload_new(path, f"{kind}/{model}/dt={day.isoformat()}/{name}.parquet")

    def keys(self, kind: str, model: str, first: date, last: date | None = None) -> Iterator[str]:
        """Files of the days from `first` to `last`, both included; without `last` all that follow."""
        folder = f"{kind}/{model}/dt="
        for key in self._objects.list_keys(folder, after=folder + first.isoformat()):
            if last is not None and key[len(folder) :][:10] > last.isoformat():
                return
            yield key

    def download(self, key: str, path: Path) -> None:
        self._objects.download(key, path)
