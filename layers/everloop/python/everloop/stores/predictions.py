"""The prediction log in the lake: Parquet files of predictions and of outcomes by day, and what finds an id in them."""

import hashlib
from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime
from pathlib import Path
from typing import NamedTuple

from everloop.ids import moment_of
from everloop.ports import ObjectStore

INPUT_PREFIX = "input_"
"""Of the columns that hold what a prediction was made from."""
FEATURE_PREFIX = "feature_"
"""Of the declared features, as they were before a model rounds them to float32."""
_LOOKUP = "lookup/"
_ID_BYTES = 16
_READERS = 10
"""Threads that read at once: as many as a client of S3 keeps connections."""


class _Lookup(NamedTuple):
    """What lies beside a file of predictions: its name says where the file is, its body which ids it has."""

    key: str
    model: str
    first_id: str
    last_id: str
    day: str
    name: str

    @classmethod
    def parse(cls, key: str) -> "_Lookup":
        _, _, model, told = key.split("/")
        return cls(key, model, *told.split("_"))

    @property
    def file(self) -> str:
        return _file("predictions", self.model, self.day, self.name)


class PredictionLog:
    """A prediction's id lies in one file: `written` tells the writer which ids need no other, and two writers of the
    same ids write the same file. Two that overlap and write at the same time may each have an id: readers keep one.
    """

    def __init__(self, objects: ObjectStore) -> None:
        self._objects = objects

    def add_predictions(self, model: str, day: date, ids: Collection[str], path: Path) -> bool:
        """Store one Parquet file of these ids, all of one hour and not empty; False when it is there already."""
        ordered = sorted(ids)
        body = bytes.fromhex("".join(ordered).replace("-", ""))
        name = hashlib.sha256(body).hexdigest()[:16]
        # WARNING: the lookup first. One that names no file is passed over; a file that nothing names would be
        # written again, in other company, by the next delivery of its messages.
        lookup = f"{_folder(_hour(moment_of(ordered[0])), model)}{ordered[0]}_{ordered[-1]}_{day.isoformat()}_{name}"
        self._objects.put_new(lookup, body)
        return self._objects.upload_new(path, _file("predictions", model, day.isoformat(), name))

    def append(self, kind: str, model: str, day: date, path: Path) -> bool:
        """Store one Parquet file under its content's hash, without what finds an id in it."""
        name = hashlib.sha256(path.read_bytes()).hexdigest()[:16]
        return self._objects.upload_new(path, _file(kind, model, day.isoformat(), name))

    def set_aside(self, model: str, check_id: str, path: Path) -> bool:
        """Store the outcomes of which a check found no prediction; those of its first attempt stay."""
        return self._objects.upload_new(path, f"unknown-outcomes/{model}/{check_id}.parquet")

    def keys(self, kind: str, model: str, first: date, last: date | None = None) -> Iterator[str]:
        """Files of the days from `first` to `last`, both included; without `last` all that follow.

        `kind` is `predictions`, by the day of the row, or `outcomes`, by the day on which they were observed.
        """
        folder = f"{kind}/{model}/dt="
        for key in self._objects.list_keys(folder, after=folder + first.isoformat()):
            if last is not None and key[len(folder) :][:10] > last.isoformat():
                return
            yield key

    def keys_since(self, model: str, moment: datetime) -> Iterator[str]:
        """Files of predictions that were made at this moment or later, whatever day their rows are of.

        They may hold earlier ones as well; the oldest hour comes first.
        """
        first_id = _prefix(moment)
        by_day: dict[str, set[str]] = {}
        for key in self._objects.list_keys(_LOOKUP, after=f"{_LOOKUP}{_hour(moment)}/"):
            lookup = _Lookup.parse(key)
            if lookup.model != model or lookup.last_id < first_id:
                continue
            if lookup.day not in by_day:
                by_day[lookup.day] = set(self._objects.list_keys(f"predictions/{model}/dt={lookup.day}/"))
            if lookup.file in by_day[lookup.day]:
                yield lookup.file

    def find(self, prediction_id: str) -> tuple[str, str] | None:
        """The model and the file of a prediction; None for one that is not logged (yet), or no id of ours."""
        try:
            hour = _hour(moment_of(prediction_id))
        except ValueError:
            return None
        for lookup in map(_Lookup.parse, self._objects.list_keys(f"{_LOOKUP}{hour}/")):
            if lookup.first_id <= prediction_id <= lookup.last_id and self._has(lookup, {prediction_id}):
                return lookup.model, lookup.file
        return None

    def written(self, model: str, ids: Collection[str]) -> set[str]:
        """Those of the ids that a file has. One listing for each hour of theirs in which anything was logged."""
        by_hour: dict[str, list[str]] = defaultdict(list)
        for each in sorted(ids):
            try:
                by_hour[_hour(moment_of(each))].append(each)
            except ValueError:
                continue
        asked = []
        for lookup in self._lookups(model, sorted(by_hour)):
            own = by_hour[lookup.key.split("/")[1]]
            between = own[bisect_left(own, lookup.first_id) : bisect_right(own, lookup.last_id)]
            if between:
                asked.append((lookup, set(between)))
        with ThreadPoolExecutor(_READERS) as pool:
            return set().union(*pool.map(lambda pair: self._has(*pair), asked))

    def download(self, key: str, path: Path) -> None:
        self._objects.download(key, path)

    def download_all(self, keys: Sequence[str], folder: Path, name: str) -> list[Path]:
        """Into files of the folder that are named so and numbered, in the order of the keys."""
        paths = [folder / f"{name}-{number}.parquet" for number in range(len(keys))]
        with ThreadPoolExecutor(_READERS) as pool:
            list(pool.map(self.download, keys, paths))
        return paths

    def _lookups(self, model: str, hours: Sequence[str]) -> Iterator[_Lookup]:
        """Of the hours, in order; hours of which there is nothing cost nothing, however many there are."""
        place = 0
        while place < len(hours):
            folder = _folder(hours[place], model)
            place += 1
            for key in self._objects.list_keys(_LOOKUP, after=folder):
                if not key.startswith(folder):
                    place = max(place, bisect_left(hours, key.split("/")[1]))
                    break
                yield _Lookup.parse(key)
            else:
                return

    def _has(self, lookup: _Lookup, ids: set[str]) -> set[str]:
        """Those of the ids that are in its file; none where the file never came, or is gone."""
        body = self._objects.get(lookup.key).body
        there = {body[start : start + _ID_BYTES] for start in range(0, len(body), _ID_BYTES)}
        found = {each for each in ids if bytes.fromhex(each.replace("-", "")) in there}
        return found if found and self._objects.exists(lookup.file) else set()


def _file(kind: str, model: str, day: str, name: str) -> str:
    return f"{kind}/{model}/dt={day}/{name}.parquet"


def _folder(hour: str, model: str) -> str:
    return f"{_LOOKUP}{hour}/{model}/"


def _hour(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H")


def _prefix(moment: datetime) -> str:
    """What ids made at this moment begin with."""
    milliseconds = f"{int(moment.timestamp() * 1000):012x}"
    return f"{milliseconds[:8]}-{milliseconds[8:]}"
