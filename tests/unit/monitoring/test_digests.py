"""What was read once as small files is read as a large one from then on, and says the same."""

from collections import Counter
from pathlib import Path

import duckdb
import pytest

from everloop.errors import ObjectNotFoundError
from everloop.monitoring.digests import Digests
from tests.fakes import InMemoryObjectStore

COLUMNS = ("prediction_id", "score")
PREFIX = "work/example/salt-1/digests/answers/"


class CountingStore(InMemoryObjectStore):
    def __init__(self) -> None:
        super().__init__()
        self.downloads: Counter[str] = Counter()

    def download(self, key: str, path: Path, *, version: str | None = None) -> None:
        self.downloads[key] += 1
        super().download(key, path, version=version)


@pytest.fixture
def store() -> CountingStore:
    return CountingStore()


def log(store: CountingStore, folder: Path, numbers: range) -> list[str]:
    """One file for each, of two rows."""
    keys = []
    for number in numbers:
        path = folder / "small.parquet"
        rows = (
            f"select {number}::varchar || '-' || i as prediction_id, i / 2 as score, 'much' as more from range(2) t(i)"
        )
        duckdb.sql(f"copy ({rows}) to '{path}' (format parquet)")
        keys.append(f"predictions/example/dt=2026-03-14/{number:04}.parquet")
        store.upload_new(path, keys[-1])
    return keys


def gathered(store: CountingStore, folder: Path, keys: list[str]) -> list[tuple[str, float]]:
    """The rows, sorted, by a reader who begins with an empty folder."""
    store.downloads.clear()
    own = folder / f"look-{len(list(folder.iterdir()))}"
    own.mkdir()
    files = [str(path) for path in Digests(store, files=10).gather(PREFIX, keys, COLUMNS, own)]
    if not files:
        return []
    return duckdb.execute("select prediction_id, score from read_parquet($1) order by all", [files]).fetchall()


def expected(numbers: range) -> list[tuple[str, float]]:
    return sorted((f"{number}-{i}", i / 2) for number in numbers for i in range(2))


def test_nothing_is_gathered_of_nothing(store: CountingStore, tmp_path: Path) -> None:
    assert gathered(store, tmp_path, []) == []


def test_each_look_reads_digests_and_what_is_new(store: CountingStore, tmp_path: Path) -> None:
    keys = log(store, tmp_path, range(25))
    assert gathered(store, tmp_path, keys) == expected(range(25))
    assert set(store.downloads) == set(keys)
    assert len(list(store.list_keys(PREFIX))) == 2

    keys += log(store, tmp_path, range(25, 32))
    assert gathered(store, tmp_path, keys) == expected(range(32))
    assert not set(store.downloads) & set(keys[:20])
    assert sum(store.downloads.values()) == 2 + 12
    assert len(list(store.list_keys(PREFIX))) == 3


def test_a_file_that_comes_late_is_read_though_later_ones_are_digested(store: CountingStore, tmp_path: Path) -> None:
    keys = log(store, tmp_path, range(5, 30))
    gathered(store, tmp_path, keys)
    late = log(store, tmp_path, range(5))
    assert gathered(store, tmp_path, late + keys) == expected(range(30))


def test_a_reader_who_dies_leaves_less_to_the_next(store: CountingStore, tmp_path: Path) -> None:
    keys = log(store, tmp_path, range(30))
    lost = store.objects.pop(keys[15])
    with pytest.raises(ObjectNotFoundError):
        gathered(store, tmp_path, keys)
    assert len(list(store.list_keys(PREFIX))) == 1
    store.objects[keys[15]] = lost
    assert gathered(store, tmp_path, keys) == expected(range(30))
    assert not set(store.downloads) & set(keys[:10])
