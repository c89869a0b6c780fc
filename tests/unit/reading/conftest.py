from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import duckdb
import pytest

from everloop.contracts.batches import Reading
from everloop.contracts.columns import Csv
from everloop.errors import BatchRejectedError
from everloop.reading.limits import Limits
from everloop.reading.scan import explained, open_scan
from everloop.reading.upload import open_upload
from everloop.sql import open_database

DECLARED = ("speed", "kind", "broken")
Read = Callable[..., list[dict[str, Any]]]
Look = Callable[..., Reading]
Refuse = Callable[..., BatchRejectedError]


def parquet_of(query: str, folder: Path) -> bytes:
    path = folder / "made.parquet"
    with duckdb.connect() as database:
        database.execute(f"COPY ({query}) TO ? (FORMAT parquet)", [str(path)])
    return path.read_bytes()


def read_file(
    path: Path,
    folder: Path,
    *,
    declared: Sequence[str] = DECLARED,
    limits: Limits = Limits(),  # noqa: B008  # frozen
    **hints: Any,
) -> list[dict[str, Any]]:
    """Open and scan it whole."""
    plain, reading = open_upload(path, hints=Csv(**hints), declared=declared, folder=folder, limits=limits)
    with open_database(folder) as database, explained(reading, plain):
        scan = open_scan(database, plain, reading, limits=limits)
        found = database.execute(f"SELECT {scan.row_number} AS row, * FROM {scan.table} ORDER BY row")
        names = [column[0] for column in found.description or []]
        rows = [dict(zip(names, row, strict=True)) for row in found.fetchall()]
    assert [row.pop("row") for row in rows] == list(range(1, len(rows) + 1))
    return [{name: row[name] for name in scan.types} for row in rows]


@pytest.fixture
def read(tmp_path: Path) -> Read:
    def read_body(body: bytes | str, **options: Any) -> list[dict[str, Any]]:
        return read_file(_file(tmp_path, body), tmp_path, **options)

    return read_body


@pytest.fixture
def look(tmp_path: Path) -> Look:
    """Open it, and scan nothing."""

    def look_at(body: bytes | str, *, declared: Sequence[str] = DECLARED, **hints: Any) -> Reading:
        return open_upload(_file(tmp_path, body), hints=Csv(**hints), declared=declared, folder=tmp_path)[1]

    return look_at


@pytest.fixture
def refuse(read: Read) -> Refuse:
    def refuse_body(body: bytes | str, **options: Any) -> BatchRejectedError:
        with pytest.raises(BatchRejectedError) as caught:
            read(body, **options)
        return caught.value

    return refuse_body


def _file(folder: Path, body: bytes | str) -> Path:
    path = folder / "upload"
    path.write_bytes(body if isinstance(body, bytes) else body.encode())
    return path
