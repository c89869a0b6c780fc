"""Bring text to plain UTF-8: without byte order mark, without blank lines ahead, with one kind of line end."""

import codecs
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from everloop.errors import BatchRejectedError
from everloop.reading.limits import MIB, Limits
from everloop.reading.line_ends import LineEnds, write_one_kind_of_line_ends
from everloop.reading.unpacking import refuse_too_many_bytes

_CHUNK_BYTES = MIB
_HEAD_BYTES = 4096
_MARKS = {
    # The longer ones first: UTF-32's begins with UTF-16's.
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
_NUL_PLACES = {
    # Which of each four bytes are NUL where the text is mostly ASCII.
    (1, 2, 3): "utf-32-le",
    (0, 1, 2): "utf-32-be",
    (1, 3): "utf-16-le",
    (0, 2): "utf-16-be",
}
_BLANK_LINES = re.compile(rb"(?:[ \t]*[\r\n]+)+")
_ASCII = bytes(range(128))
_UTF8_SEQUENCE = re.compile(rb"[\xc2-\xdf][\x80-\xbf]|[\xe0-\xef][\x80-\xbf]{2}|[\xf0-\xf4][\x80-\xbf]{3}")
_CP1252_UNDEFINED = b"\x81\x8d\x8f\x90\x9d"
_CP1252_COMMON = bytes(range(0xC0, 0x100)).translate(None, b"\xd7\xf7") + "ŠšŽžŒœŸ€‘’“”–—…°§«»·ºª²³µ ".encode("cp1252")


class PlainText(NamedTuple):
    path: Path
    encoding: str
    """Of the file as delivered, by Python's name."""
    longest_line: int
    """In bytes, if that is over a mebibyte."""


def to_plain_text(source: Path, folder: Path, *, hint: str | None, limits: Limits) -> PlainText:
    """`source` itself when it is plain already, otherwise a file in `folder`.

    Raises BatchRejectedError: invalid_encoding, empty_file, unpacks_too_large. NUL never occurs in text, but
    does in binary files that look like it.
    """
    encoding = _canonical(hint or _by_first_bytes(source) or "utf-8")
    plain = source
    try:
        if encoding not in ("utf-8", "utf-8-sig"):
            plain = _recode(source, folder / "recoded", encoding, limits)
        line_ends = _check_utf8(plain)
    except _BadByteError as error:
        if hint or plain is not source or not _is_cp1252(source):
            raise _invalid_encoding(encoding, error) from error
        encoding = "cp1252"
        plain = _recode(source, folder / "recoded", encoding, limits)
        line_ends = _check_utf8(plain)
    start = _content_start(plain)
    if line_ends.are_mixed:
        plain = write_one_kind_of_line_ends(plain, folder / "one-kind", start=start)
    elif start:
        plain = _copy_from(plain, folder / "from-start", start)
    return PlainText(plain, encoding, line_ends.longest_line)


class _BadByteError(Exception):
    def __init__(self, position: int, got: str) -> None:
        super().__init__(got)
        self.position = position
        self.got = got


def _invalid_encoding(encoding: str, error: _BadByteError) -> BatchRejectedError:
    return BatchRejectedError(
        "invalid_encoding",
        f"expected {encoding} text, got {error.got} near byte {error.position + 1}; save the file as UTF-8, or name its"
        " encoding in the definition: [data.csv] encoding",
    )


def _canonical(encoding: str) -> str:
    """
    >>> _canonical("UTF8"), _canonical("Windows-1252")
    ('utf-8', 'cp1252')
    """
    return codecs.lookup(encoding).name


def _by_first_bytes(path: Path) -> str | None:
    with path.open("rb") as file:
        head = file.read(_HEAD_BYTES)
    for mark, name in _MARKS.items():
        if head.startswith(mark):
            return name
    quarters = [head[place::4] for place in range(4)]
    shares = [quarter.count(0) / max(len(quarter), 1) for quarter in quarters]
    for places, name in _NUL_PLACES.items():
        if all((share > 0.5) == (place in places) for place, share in enumerate(shares)):
            return name
    return None


def _check_utf8(path: Path) -> LineEnds:
    """Raises _BadByteError."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    ends = LineEnds()
    position = 0
    pending = False
    for chunk in _chunks(path):
        if b"\0" in chunk:
            raise _BadByteError(position + chunk.find(b"\0"), "a NUL byte")
        if pending or not chunk.isascii():
            _decode(decoder, chunk, position)
            pending = bool(decoder.getstate()[0])
        ends.count(chunk)
        position += len(chunk)
    _decode(decoder, b"", position, final=True)
    return ends


def _decode(decoder: codecs.IncrementalDecoder, chunk: bytes, position: int, *, final: bool = False) -> str:
    held = len(decoder.getstate()[0])
    try:
        return decoder.decode(chunk, final)
    except UnicodeError as error:
        start = error.start if isinstance(error, UnicodeDecodeError) else 0
        raise _BadByteError(max(position + start - held, 0), "other bytes") from error


def _recode(source: Path, target: Path, encoding: str, limits: Limits) -> Path:
    """Raises _BadByteError; a NUL is left for the check that follows, which tells its place."""
    decoder = codecs.getincrementaldecoder(encoding)()
    position = 0
    with target.open("wb") as file:
        for chunk in _chunks(source):
            file.write(_encode(_decode(decoder, chunk, position), position))
            position += len(chunk)
            refuse_too_many_bytes(file.tell(), limits)
        file.write(_encode(_decode(decoder, b"", position, final=True), position))
    return target


def _encode(text: str, position: int) -> bytes:
    try:
        return text.encode()
    except UnicodeEncodeError as error:
        raise _BadByteError(position, "half a surrogate pair") from error


def _is_cp1252(path: Path) -> bool:
    """Whether nothing speaks for damaged UTF-8, and nearly all that is not ASCII are letters and usual signs."""
    beyond_ascii = common = 0
    for chunk in _chunks(path):
        if b"\0" in chunk or _UTF8_SEQUENCE.search(chunk):
            return False
        foreign = chunk.translate(None, _ASCII)
        if len(foreign.translate(None, _CP1252_UNDEFINED)) < len(foreign):
            return False
        beyond_ascii += len(foreign)
        common += len(foreign) - len(foreign.translate(None, _CP1252_COMMON))
    return common > beyond_ascii * 0.8


def _content_start(path: Path) -> int:
    """Where the first line that is not blank begins; raises BatchRejectedError: empty_file."""
    start = 0
    with path.open("rb") as file:
        while head := file.read(_CHUNK_BYTES):
            while head.startswith(codecs.BOM_UTF8):
                start += len(codecs.BOM_UTF8)
                head = head.removeprefix(codecs.BOM_UTF8)
            blank = _BLANK_LINES.match(head)
            start += blank.end() if blank else 0
            if head[blank.end() if blank else 0 :].strip():
                return start
    raise BatchRejectedError("empty_file", "expected rows, got a file without content; export it again")


def _copy_from(source: Path, target: Path, start: int) -> Path:
    with source.open("rb") as file, target.open("wb") as copy:
        file.seek(start)
        shutil.copyfileobj(file, copy, _CHUNK_BYTES)
    return target


def _chunks(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK_BYTES):
            yield chunk
