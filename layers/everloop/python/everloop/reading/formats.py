"""Tell what a file is by its bytes, because names lie."""

import re
from pathlib import Path

from everloop.contracts.batches import Format
from everloop.errors import BatchRejectedError

FOREIGN: tuple[tuple[int, bytes, str], ...] = (
    (0, b"\x1f\x8b", "gzip inside an archive"),
    (0, b"BZh", "bzip2 inside an archive"),
    (0, b"\x28\xb5\x2f\xfd", "Zstandard inside an archive"),
    (0, b"PK\x03\x04", "a zip archive or an Excel workbook"),
    (0, b"PK\x05\x06", "an empty zip archive"),
    (0, b"\xd0\xcf\x11\xe0", "an old Excel workbook"),
    (0, b"\xfd7zXZ\x00", "xz"),
    (0, b"7z\xbc\xaf\x27\x1c", "7-Zip"),
    (0, b"Rar!\x1a\x07", "RAR"),
    (0, b"\x04\x22\x4d\x18", "LZ4"),
    (0, b"\xff\x06\x00\x00sNaPpY", "Snappy"),
    (257, b"ustar", "a tar archive"),
    (0, b"%PDF-", "PDF"),
    (0, b"SQLite format 3\x00", "a SQLite database"),
    (8, b"DUCK", "a DuckDB database"),
    (0, b"Obj\x01", "Avro"),
    (0, b"ORC", "ORC"),
    (0, b"ARROW1", "Arrow IPC"),
    (0, b"FEA1", "Feather"),
    (0, b"\x89HDF\r\n", "HDF5"),
    (0, b"\x93NUMPY", "a NumPy array"),
    (0, b"PARE", "encrypted Parquet"),
    (0, b"\x80\x02", "a Python pickle"),
    (0, b"\x80\x03", "a Python pickle"),
    (0, b"\x80\x04\x95", "a Python pickle"),
    (0, b"\x80\x05\x95", "a Python pickle"),
    (0, b"\x89PNG\r\n", "a PNG image"),
    (0, b"\xff\xd8\xff", "a JPEG image"),
    (0, b"GIF8", "a GIF image"),
    (0, b"\x7fELF", "a program"),
)
"""Formats people upload by mistake, by place and magic number, so that the refusal can name them."""

_MARKUP = re.compile(rb"\s*<(\?xml|!doctype|html)", re.IGNORECASE)
_JSON_ARRAY = re.compile(rb'\[\s*(?:[\[{\]"\d-]|(?:null|true|false)\b|$)')
_HEAD_BYTES = 4096


def refuse_foreign(path: Path) -> None:
    """Raises BatchRejectedError: unsupported_format."""
    head = _head(path)
    names = (name for place, magic, name in FOREIGN if head.startswith(magic, place) and not _is_name(head, magic))
    name = next(names, "XML or HTML" if _MARKUP.match(head) else None)
    if name:
        raise BatchRejectedError(
            "unsupported_format",
            "expected CSV, TSV, JSON Lines, a JSON array or Parquet (each may be packed with gzip, bzip2 or zstd),"
            f" got {name}; convert it",
        )


def is_parquet(path: Path) -> bool:
    return _head(path).startswith(b"PAR1")


def text_format(path: Path) -> Format:
    """Of UTF-8 text that starts with its first line."""
    head = _head(path).lstrip()
    if head.startswith(b"{"):
        return Format.JSON_LINES
    return Format.JSON_ARRAY if _JSON_ARRAY.match(head) else Format.DELIMITED


def _is_name(head: bytes, magic: bytes) -> bool:
    """A magic number of letters alone may begin a column's name; a binary file has other bytes soon after."""
    return magic.isalpha() and head.isascii() and b"\0" not in head


def _head(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(_HEAD_BYTES)
