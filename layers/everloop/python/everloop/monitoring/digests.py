"""Many small files of the log as a few large ones: each look at an experiment reads what is new, and these."""

import hashlib
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from everloop.ports import ObjectStore
from everloop.sql import identifier, literal, open_database

FILES = 1_000
"""That become one: an hour and a half of steady traffic."""
_READERS = 10
"""Threads that read at once: as many as a client of S3 keeps connections."""
_FILE = "file"
"""The column of a digest that names the file a row is from."""
_SCRATCH = "digests"
"""Of the folder: who gathers may have a database of his own in it."""


class Digests:
    def __init__(self, objects: ObjectStore, *, files: int = FILES) -> None:
        self._objects = objects
        self._files = files

    def gather(self, prefix: str, keys: Iterable[str], columns: Sequence[str], folder: Path) -> list[Path]:
        """Local Parquet files that hold these columns of all rows of the files under the keys, which never change.

        Digests lie under the prefix. They are made of a thousand files at a time, so that a reader who dies on the way
        leaves less to the next one; two at once may each make one of the same files: readers drop repeated rows.
        """
        (folder / _SCRATCH).mkdir(exist_ok=True)
        digests = self._download(self._objects.list_keys(prefix), folder)
        with open_database(folder / _SCRATCH) as connection:
            names = f"select distinct {_FILE} from read_parquet($files)"
            told = connection.execute(names, {"files": list(map(str, digests))}).fetchall() if digests else []
        known = {name for (name,) in told}
        fresh = [key for key in keys if _name(key) not in known]
        whole = len(fresh) - len(fresh) % self._files
        for first in range(0, whole, self._files):
            small = self._download(fresh[first : first + self._files], folder)
            digests.append(self._digest(prefix, small, columns, folder))
            for path in small:
                path.unlink()
        return digests + self._download(fresh[whole:], folder)

    def _download(self, keys: Iterable[str], folder: Path) -> list[Path]:
        wanted = [(key, folder / _name(key)) for key in keys]
        with ThreadPoolExecutor(_READERS) as pool:
            list(pool.map(lambda each: self._objects.download(*each), wanted))
        return [path for _, path in wanted]

    def _digest(self, prefix: str, small: Sequence[Path], columns: Sequence[str], folder: Path) -> Path:
        name = hashlib.sha256("\n".join(sorted(path.name for path in small)).encode()).hexdigest()[:16]
        key = f"{prefix}{name}.parquet"
        path = folder / _name(key)
        selected = ", ".join(map(identifier, columns))
        with open_database(folder / _SCRATCH) as connection:
            connection.execute(
                f"copy (select {selected}, parse_filename(filename) as {_FILE} from read_parquet($files,"
                f" filename = true)) to {literal(str(path))} (format parquet, compression zstd)",
                {"files": list(map(str, small))},
            )
        self._objects.upload_new(path, key)
        return path


def _name(key: str) -> str:
    return key.replace("/", "_")
