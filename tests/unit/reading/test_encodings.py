"""Any text comes out as UTF-8, and what is none is refused with its place."""

from pathlib import Path

import pytest

from everloop.reading.encodings import to_plain_text
from everloop.reading.limits import MIB, Limits
from tests.unit.reading.conftest import Look, Read, Refuse

CSV = "speed,kind,broken\n1,süß – «Übergröße» 50 €,true\n"
ROWS = [{"speed": "1", "kind": "süß – «Übergröße» 50 €", "broken": "true"}]


@pytest.mark.parametrize(
    ("encoding", "found"),
    [
        ("utf-8", "utf-8"),
        ("utf-8-sig", "utf-8-sig"),
        ("utf-16", "utf-16"),
        ("utf-16-le", "utf-16-le"),
        ("utf-16-be", "utf-16-be"),
        ("utf-32", "utf-32"),
        ("utf-32-le", "utf-32-le"),
        ("utf-32-be", "utf-32-be"),
        ("cp1252", "cp1252"),
    ],
)
def test_the_encoding_is_found(read: Read, look: Look, encoding: str, found: str) -> None:
    body = CSV.encode(encoding)
    assert read(body) == ROWS
    assert look(body).encoding == found


@pytest.mark.parametrize("encoding", ["cp1250", "koi8-r", "shift_jis", "gb18030", "utf-16-be"])
def test_a_declared_encoding_is_believed(read: Read, encoding: str) -> None:
    text = {"koi8-r": "насос", "shift_jis": "ポンプ", "gb18030": "泵"}.get(encoding, "čerpadlo")
    assert read(f"speed,kind\n1,{text}\n".encode(encoding), encoding=encoding) == [{"speed": "1", "kind": text}]


def test_a_declared_encoding_is_believed_against_the_bytes(refuse: Refuse) -> None:
    assert refuse(CSV.encode("cp1252"), encoding="utf-8").reason == "invalid_encoding"


@pytest.mark.parametrize(
    ("body", "byte"),
    [
        ("speed,kind\n1,süß\n".encode() + b"2,s\xfc\xdf\n", 23),  # both encodings in one file
        (b"speed,kind\n1,\x81\x8d\n", 14),  # no letters in cp1252
        (b"speed,kind\n1,a\x00b\n", 15),
        (CSV.encode() + b"\xe2\x82", len(CSV.encode()) + 1),
        (CSV.encode("utf-16")[:-1], len(CSV.encode("utf-16")) - 1),
        (b"speed,kind\n1,\xd7\xf7\xa4\xa6\n", 14),  # signs alone are no text
    ],
)
def test_what_is_no_text_is_refused_with_its_place_and_the_way_out(refuse: Refuse, body: bytes, byte: int) -> None:
    error = refuse(body)
    assert error.reason == "invalid_encoding"
    assert "[data.csv] encoding" in error.detail
    assert f"near byte {byte};" in error.detail


def test_characters_that_lie_across_chunks_are_whole(read: Read) -> None:
    name = "é" * 700_000
    for ahead in ("", "x"):
        assert read(f"speed,kind\n{ahead},{name}\n", declared=(), limits=Limits(field_bytes=4 * MIB))[0]["kind"] == name


def test_a_plain_file_is_not_copied(tmp_path: Path) -> None:
    upload = tmp_path / "upload"
    upload.write_bytes(CSV.encode() * 50_000)
    assert to_plain_text(upload, tmp_path, hint=None, limits=Limits()).path == upload
    assert [path.name for path in tmp_path.iterdir()] == ["upload"]


@pytest.mark.parametrize("body", ["a,b\r\n1,2\n3,4\r\n", "a,b\n1,2\r3,4\n", "a,b\r1,2\r\n3,4\r\n"])
def test_mixed_line_ends_are_made_one(read: Read, body: str) -> None:
    assert read(body, declared=()) == [{"a": "1", "b": "2"}, {"a": "3", "b": "4"}]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_line_ends_between_quotes_are_part_of_the_value(read: Read, end: str) -> None:
    body = end.join(["a,b", '1,"x\r\ny ""and""\n\rz"', "2,w", ""])
    assert read(body, declared=()) == [{"a": "1", "b": 'x\r\ny "and"\n\rz'}, {"a": "2", "b": "w"}]


def test_mixed_line_ends_across_chunks(read: Read) -> None:
    rows = 2**20 // 4 + 10
    found = read("a,b\n" + "1,2\r\n" * rows, declared=())
    assert found == [{"a": "1", "b": "2"}] * rows


def test_text_that_grows_beyond_the_limit_is_refused(refuse: Refuse) -> None:
    body = f"speed,kind\n1,{'é' * 3000}\n".encode("cp1252")
    assert refuse(body, limits=Limits(unpacked_bytes=5000)).reason == "unpacks_too_large"
