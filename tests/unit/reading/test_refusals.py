"""What other readers swallow silently is refused with a documented reason."""

import gzip
import random
from pathlib import Path

import duckdb
import nanoarrow
import pytest

from everloop.contracts.columns import Csv
from everloop.errors import BatchRejectedError
from everloop.reading.limits import MIB, Limits
from everloop.reading.scan import explained, open_scan
from everloop.reading.upload import open_upload
from everloop.sql import open_database
from tests.unit.reading.conftest import Read, Refuse, parquet_of

HEADER = "speed,kind,broken\n"
GOOD = HEADER + "1,a,true\n"


@pytest.mark.parametrize(
    ("reason", "body"),
    [
        ("empty_file", ""),
        ("empty_file", " \n\t\r\n "),
        ("empty_file", "\ufeff"),
        ("empty_file", "\n" * 2_000_000),
        ("no_rows", "[]"),
        ("unreadable_file", "["),
        ("unsupported_format", b"PK\x03\x04 a workbook"),
        ("unsupported_format", b"%PDF-1.7"),
        ("unsupported_format", b"\x80\x04\x95\x10\x00\x00\x00\x00\x00\x00\x00}\x94."),
        ("unsupported_format", b"x" * 257 + b"ustar\x0000"),
        ("unsupported_format", "<!DOCTYPE html><html><body>Sign in</body></html>"),
        ("unsupported_format", '<?xml version="1.0"?><rows/>'),
        ("unreadable_file", b"PAR1 but no Parquet"),
        ("unreadable_file", b"PAR1"),
        ("unreadable_file", b"PAR1\xff\xff\xff\x7fPAR1"),
        ("unreadable_file", b"PAR1" + b"\x00" * 20 + b"\x04\x00\x00\x00PARE"),
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
        ("unreadable_file", "[" * 100_000 + "]" * 100_000),
        ("unreadable_file", '{"a":' * 5_000 + "1" + "}" * 5_000),
        ("ragged_rows", GOOD + "2,b\n"),
        ("ragged_rows", GOOD + "2,b,true,4\n"),
        ("ragged_rows", GOOD + "1,2\n" * 5000),
        ("ragged_rows", GOOD + '"Maximum line size\nPossible fixes",2\n'),
        ("duplicate_columns", "speed,speed,broken\n1,2,true\n"),
        ("duplicate_columns", "speed,SPEED,broken\n1,2,true\n"),
        ("duplicate_columns", '{"speed": 1, "speed": 2, "broken": true}'),
        ("duplicate_columns", '{"speed": 1, "broken": true}\n{"Speed": 1, "broken": true}'),
        ("too_many_columns", HEADER.strip() + "".join(f",x{i}" for i in range(2000)) + "\n1"),
        ("too_many_columns", ",".join(f"column{i}" for i in range(200_000)) + "\n"),
        ("too_many_columns", "{" + ",".join(f'"x{i}": 1' for i in range(2001)) + "}"),
        ("field_too_long", "x" * 2_000_000),
        ("field_too_long", HEADER + "1," + "x" * (MIB + 1) + ",true\n"),
        ("field_too_long", HEADER + "1," + "x" * (40 * MIB) + ",true\n"),
        ("field_too_long", GOOD.replace("\n", "\r") + "1," + "x" * (9 * MIB) + ",true\r"),
        ("field_too_long", GOOD + '1,"' + "x\n" * MIB + '",true\n'),
        ("field_too_long", '{"speed": 1, "broken": "' + "x" * 2 * MIB + '"}'),
    ],
)
def test_a_faulty_file_is_refused(refuse: Refuse, reason: str, body: bytes | str) -> None:
    error = refuse(body)
    assert error.reason == reason, error.detail
    assert len(error.detail) < 1000


def test_an_unclosed_quote_in_a_large_file_is_refused_at_once(refuse: Refuse) -> None:
    error = refuse(GOOD + '4,"b,true\n' + "5,b,true\n" * 3 * MIB)
    assert error.reason in ("unreadable_file", "field_too_long")


def test_the_detail_names_the_line(refuse: Refuse) -> None:
    fault = "line 3: Expected Number of Columns: 3 Found: 2; look at its quotes and delimiters"
    assert refuse(GOOD + "2,b\n").detail == fault


def test_a_faulty_line_is_found_through_arrow_as_well(tmp_path: Path) -> None:
    """The rows before it are delivered first, so the refusal comes in the middle of the stream."""
    upload = tmp_path / "upload"
    upload.write_text(GOOD + "1,a,true\n" * 500_000 + "2,b\n")
    plain, reading = open_upload(upload, hints=Csv(), declared=(), folder=tmp_path)
    with open_database(tmp_path) as database:
        rows = database.sql(f"FROM {open_scan(database, plain, reading).table}")
        stream = nanoarrow.c_array_stream(rows.__arrow_c_stream__())
        with pytest.raises(BatchRejectedError) as caught, explained(reading, plain):
            list(stream)
    assert (caught.value.reason, caught.value.detail[:12]) == ("ragged_rows", "line 500003:")


def test_an_error_of_ours_is_not_blamed_on_the_file(tmp_path: Path) -> None:
    upload = tmp_path / "upload"
    upload.write_text(GOOD)
    plain, reading = open_upload(upload, hints=Csv(), declared=(), folder=tmp_path)
    with pytest.raises(RuntimeError, match="ours"), explained(reading, plain):
        raise RuntimeError("ours")
    with pytest.raises(duckdb.Error, match="No space"), explained(reading, plain):
        raise duckdb.IOException("No space left on device")


def test_a_file_too_large_is_refused_unread(refuse: Refuse) -> None:
    assert refuse(GOOD, limits=Limits(file_bytes=10)).reason == "too_large"


def test_parquet_columns_that_differ_in_case_are_refused(refuse: Refuse, tmp_path: Path) -> None:
    body = parquet_of("SELECT 1 AS speed, true AS broken, 2 AS spied", tmp_path).replace(b"spied", b"SPEED")
    assert refuse(body).reason == "duplicate_columns"


def test_parquet_with_more_values_than_it_may_unpack_is_refused(refuse: Refuse, tmp_path: Path) -> None:
    body = parquet_of("SELECT 1 AS speed FROM range(3000000)", tmp_path)
    refused = refuse(body, limits=Limits(unpacked_bytes=2 * MIB))
    assert refused.reason == "unpacks_too_large"
    assert refused.detail == "expected at most 262144 values, got 3000000 in 3000000 rows; split the file"


def test_damaged_parquet_is_refused_or_read_but_never_an_accident(read: Read, tmp_path: Path) -> None:
    body = parquet_of("SELECT range AS speed, 'a' || range AS kind, true AS broken FROM range(500)", tmp_path)
    places = random.Random(7)
    refused = 0
    for _ in range(60):
        damaged = bytearray(body)
        place = places.randrange(4, len(body) - 8)
        damaged[place : place + 4] = places.randbytes(4)
        try:
            read(bytes(damaged))
        except BatchRejectedError:
            refused += 1
    assert refused > 20


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9, 0.99])
def test_parquet_that_was_cut_off_is_refused(refuse: Refuse, tmp_path: Path, share: float) -> None:
    body = parquet_of("SELECT range AS speed, true AS broken FROM range(500)", tmp_path)
    assert refuse(body[: int(len(body) * share)]).reason == "unreadable_file"
    assert refuse(gzip.compress(body[: int(len(body) * share)])).reason == "unreadable_file"
