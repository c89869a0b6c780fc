"""Bring a file to the form readers expect: gunzipped, and if it is text, plain UTF-8."""

import codecs
import gzip
import re
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from everloop.errors import BatchRejectedError
from everloop.ingestion.limits import MAXIMUM_UNPACKED_BYTES

_CHUNK_BYTES = 2**20
_BLANK_LINES = re.compile(r"\A(?:[ \t]*[\r\n]+)+")
_BYTE_ORDER_MARKS = {codecs.BOM_UTF8: "utf-8-sig", codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}


def gunzip(source: Path, target: Path, *, maximum_bytes: int = MAXIMUM_UNPACKED_BYTES) -> Path:
    """Raises BatchRejectedError: unreadable_file (damaged or cut off), too_large (a bomb, for one)."""
    written = 0
    try:
        with gzip.open(source) as packed, target.open("wb") as file:
            for chunk in _chunks(packed):
                written += file.write(chunk)
                if written > maximum_bytes:
                    raise BatchRejectedError(
                        "too_large", f"expected at most {maximum_bytes} bytes unpacked, got more; split the file"
                    )
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise BatchRejectedError("unreadable_file", f"the gzip stream is damaged: {error}") from error
    return target


def to_utf8(source: Path, target: Path) -> Path:
    """Without byte order mark and leading blank lines; raises BatchRejectedError: invalid_encoding, empty_file.

    UTF-16 is known by its byte order mark. NUL never occurs in text, but does in binary files that look like it.
    """
    position = 0
    leading = True
    with source.open("rb") as encoded, target.open("wb") as file:
        decoder = codecs.getincrementaldecoder(_encoding(encoded))()
        try:
            for chunk in _chunks(encoded):
                text = decoder.decode(chunk)
                if "\0" in text:
                    raise _invalid_encoding(position + max(chunk.find(b"\0"), 0), "a NUL byte")
                if leading:
                    text = _BLANK_LINES.sub("", text)
                    leading = not text.strip()
                file.write(text.encode())
                position += len(chunk)
            decoder.decode(b"", final=True)
        except UnicodeError as error:
            start = getattr(error, "start", 0)
            raise _invalid_encoding(position + start, "other bytes") from error
    if leading:
        raise BatchRejectedError("empty_file", "expected rows, got a file without content")
    return target


def _invalid_encoding(position: int, got: str) -> BatchRejectedError:
    return BatchRejectedError(
        "invalid_encoding", f"expected UTF-8 text, got {got} near byte {position + 1}; save the file as UTF-8"
    )


def _encoding(file: IO[bytes]) -> str:
    head = file.read(4)
    file.seek(0)
    return next((name for mark, name in _BYTE_ORDER_MARKS.items() if head.startswith(mark)), "utf-8")


def _chunks(file: IO[bytes] | gzip.GzipFile) -> Iterator[bytes]:
    while chunk := file.read(_CHUNK_BYTES):
        yield chunk
