"""Tell what a file is by its first bytes, because names lie."""

from collections.abc import Callable
from enum import StrEnum
from pathlib import Path

from everloop.errors import BatchRejectedError


class Format(StrEnum):
    PARQUET = "Parquet"
    JSON_ARRAY = "a JSON array"
    JSON_LINES = "JSON Lines"
    DELIMITED = "delimited text"

    @property
    def is_text(self) -> bool:
        return self is not Format.PARQUET


GZIP = b"\x1f\x8b"
FOREIGN = {
    GZIP: "gzip inside gzip",
    b"PK\x03\x04": "a zip archive or an Excel workbook",
    b"\xd0\xcf\x11\xe0": "an old Excel workbook",
    b"\x28\xb5\x2f\xfd": "Zstandard",
    b"\xfd7zXZ\x00": "xz",
    b"BZh": "bzip2",
    b"%PDF": "PDF",
    b"SQLite format 3": "a SQLite database",
    b"Obj\x01": "Avro",
    b"ORC": "ORC",
    b"ARROW1": "Arrow IPC",
    b"\x89HDF": "HDF5",
    b"\x80\x04\x95": "a Python pickle",
    b"\x80\x05\x95": "a Python pickle",
}
"""Formats people upload by mistake, by their magic numbers, so that the refusal can name them."""

_HEAD_BYTES = 4096

_SIGNS: tuple[tuple[Format, Callable[[bytes], bool]], ...] = (
    (Format.PARQUET, lambda head: head.startswith(b"PAR1")),
    (Format.JSON_ARRAY, lambda head: head.startswith(b"[")),
    (Format.JSON_LINES, lambda head: head.startswith(b"{")),
    (Format.DELIMITED, bool),
)


def is_gzip(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(len(GZIP)) == GZIP


def sniff(path: Path) -> Format:
    """Raises BatchRejectedError: empty_file, unsupported_format."""
    with path.open("rb") as file:
        raw = file.read(_HEAD_BYTES)
    for magic, name in FOREIGN.items():
        if raw.startswith(magic):
            raise BatchRejectedError(
                "unsupported_format",
                f"expected CSV, TSV, JSON Lines, a JSON array or Parquet (each also .gz), got {name}; convert it",
            )
    head = raw.removeprefix(b"\xef\xbb\xbf").lstrip()
    if not head and len(raw) < _HEAD_BYTES:
        raise BatchRejectedError("empty_file", "expected rows, got a file without content")
    return next(kind for kind, sign in _SIGNS if sign(head))
