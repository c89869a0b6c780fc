"""What pandas would swallow silently is refused with a documented reason."""

import gzip
from pathlib import Path

import duckdb
import pytest

from everloop.errors import BatchRejectedError
from everloop.ingestion import unpacking
from everloop.ingestion.limits import MAXIMUM_FILE_BYTES
from tests.unit.ingestion.conftest import World, packed

HEADER = "speed,kind,broken\n"
GOOD = HEADER + "1,a,true\n"


def parquet_of(query: str, folder: Path) -> bytes:
    path = folder / "made.parquet"
    with duckdb.connect() as database:
        database.execute(f"COPY ({query}) TO ? (FORMAT parquet)", [str(path)])
    return path.read_bytes()


@pytest.mark.parametrize(
    ("reason", "body"),
    [
        ("empty_file", ""),
        ("empty_file", " \n\t\r\n "),
        ("empty_file", "\ufeff"),
        ("empty_file", packed("")),
        ("no_rows", HEADER),
        ("no_rows", HEADER.strip()),
        ("no_rows", "[]"),
        ("unreadable_file", "["),
        ("unsupported_format", b"PK\x03\x04 a workbook"),
        ("unsupported_format", b"%PDF-1.7"),
        ("unsupported_format", packed(packed(GOOD))),
        ("unreadable_file", b"PAR1 but no Parquet"),
        ("unreadable_file", packed(GOOD * 100)[:-12]),
        ("unreadable_file", packed(GOOD)[:10] + b"\xff\xff\xff\xff\xff\xff"),
        ("unreadable_file", HEADER + '1,"open quote,true\n2,b,false\n'),
        ("unreadable_file", HEADER + '1,"closed"too late,true\n'),
        ("unreadable_file", '"speed,kind'),
        ("unreadable_file", '{"speed": 1'),
        ("unreadable_file", '{"speed": 1, "broken": true}\n[1, 2]\n'),
        ("unreadable_file", '[{"speed": 1, "broken": true},'),
        ("unreadable_file", '[{"speed": 1, "broken": true}'),
        ("unreadable_file", '[{"speed": 1, "broken": true}, 3]'),
        ("unreadable_file", '[{"speed": 1, "broken": true}] and more'),
        ("unreadable_file", '{"speed": "\\ud800", "broken": true}'),
        ("ragged_rows", GOOD + "2,b\n"),
        ("ragged_rows", GOOD + "2,b,true,4\n"),
        ("ragged_rows", GOOD + "1,2\n" * 5000),
        ("duplicate_columns", "speed,speed,broken\n1,2,true\n"),
        ("duplicate_columns", "speed,SPEED,broken\n1,2,true\n"),
        ("duplicate_columns", '{"speed": 1, "speed": 2, "broken": true}'),
        ("duplicate_columns", '{"speed": 1, "broken": true}\n{"Speed": 1, "broken": true}'),
        ("missing_columns", "kind,broken\na,true\n"),
        ("missing_columns", "1,a,true\n2,b,false\n"),
        ("missing_columns", '{"kind": "a"}'),
        ("too_many_columns", HEADER.strip() + "".join(f",x{i}" for i in range(1000)) + "\n1"),
        ("too_many_columns", "x" * 2_000_000),
        ("too_many_columns", "{" + ",".join(f'"x{i}": 1' for i in range(2000)) + "}"),
        ("invalid_encoding", HEADER.encode() + "1,süß,true\n".encode("latin-1")),
        ("invalid_encoding", HEADER.encode() + b"1,a\x00b,true\n"),
        ("invalid_encoding", GOOD.encode("utf-16-le")),
        ("invalid_encoding", GOOD.encode("utf-16")[:-1]),
        ("invalid_encoding", GOOD.encode() + b"\xe2\x82"),
    ],
)
def test_a_faulty_file_is_refused(world: World, reason: str, body: bytes | str) -> None:
    ingested = world.upload(body)
    assert (ingested.outcome, ingested.reason) == ("rejected", reason), ingested
    report = world.report(ingested)
    assert (report.status, report.reason, report.detail) == ("rejected", reason, ingested.detail)
    [event] = world.bus.events
    assert (event.type, event.subject, event.data["reason"]) == ("batch.rejected", "pump", reason)
    assert list(world.lake.objects) == [f"reports/pump/{ingested.batch_id}.json"]


def test_mixed_line_ends_are_refused(world: World) -> None:
    ingested = world.upload(HEADER.replace("\n", "\r\n") + "1,a,true\r\n2,b,false\n")
    assert ingested.reason == "unreadable_file"
    assert ingested.detail == (
        "line 3: expected CRLF at its end, as in the lines before, got LF; save the file with one kind of line end"
    )


def test_parquet_columns_that_differ_in_case_are_refused(world: World, tmp_path: Path) -> None:
    body = parquet_of("SELECT 1 AS speed, true AS broken, 2 AS spied", tmp_path).replace(b"spied", b"SPEED")
    assert world.upload(body).reason == "duplicate_columns"


@pytest.mark.parametrize("position", [30, 60, 90, 120, 200, 300])
def test_damaged_parquet_is_refused_or_read_but_never_an_accident(world: World, tmp_path: Path, position: int) -> None:
    body = bytearray(parquet_of("SELECT range AS speed, 'a' AS kind, true AS broken FROM range(50)", tmp_path))
    body[position : position + 4] = b"\xff\xfe\xfd\xfc"
    assert world.upload(bytes(body)).outcome in ("rejected", "staged")


def test_the_detail_names_the_line(world: World) -> None:
    assert world.upload(GOOD + "2,b\n").detail == "line 3: Expected Number of Columns: 3 Found: 2"


def test_missing_columns_are_named_beside_the_unknown_ones(world: World) -> None:
    detail = world.upload("Speed_kmh,broken\n1,true\n").detail
    assert detail is not None
    assert "'speed'" in detail
    assert "'Speed_kmh'" in detail


def test_a_model_that_is_not_deployed_is_refused_in_its_own_folder(world: World) -> None:
    ingested = world.upload(GOOD, key="uploads/fan/file.csv")
    assert (ingested.model, ingested.reason) == ("fan", "unknown_model")
    assert world.report(ingested).definition_hash is None


def test_a_file_outside_of_any_model_is_refused(world: World) -> None:
    assert world.upload(GOOD, key="uploads/file.csv").reason == "unknown_model"


def test_a_file_too_large_is_not_even_downloaded(world: World) -> None:
    ingested = world.upload(GOOD, size=MAXIMUM_FILE_BYTES + 1)
    assert ingested.reason == "too_large"
    assert world.upload(GOOD, size=MAXIMUM_FILE_BYTES + 1).outcome == "duplicate"
    assert world.upload(GOOD).outcome == "staged"


def test_a_gzip_bomb_is_not_unpacked(tmp_path: Path) -> None:
    bomb = tmp_path / "bomb.gz"
    bomb.write_bytes(gzip.compress(bytes(8 * 2**20)))
    with pytest.raises(BatchRejectedError) as error:
        unpacking.gunzip(bomb, tmp_path / "out", maximum_bytes=3 * 2**20)
    assert error.value.reason == "too_large"
    assert (tmp_path / "out").stat().st_size <= 4 * 2**20
