"""Unpack gzip, bzip2 and zstd as streams, and stop at what looks like a bomb."""

import bz2
import gzip
import re
import sys
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Literal, NamedTuple, Protocol

from everloop.errors import BatchRejectedError
from everloop.reading.limits import MIB, Limits

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

Compression = Literal["gzip", "bzip2", "zstd"]

_CHUNK_BYTES = MIB
_HARMLESS_BYTES = 16 * MIB
"""A small file of one repeated line packs better than any bomb, and harms nobody."""
_ZSTD_WINDOW_LOG = 27
"""128 MiB, what the zstd tool accepts without --long; a header may ask for 2 GiB."""


class _Decompressor(Protocol):
    @property
    def eof(self) -> bool: ...
    @property
    def needs_input(self) -> bool: ...
    @property
    def unused_data(self) -> bytes: ...
    def decompress(self, data: bytes, max_length: int = -1) -> bytes: ...


def _unpack_gzip(packed: IO[bytes]) -> Iterator[bytes]:
    with gzip.GzipFile(fileobj=packed) as file:
        while chunk := file.read(_CHUNK_BYTES):
            yield chunk


def _unpack_frames(packed: IO[bytes], decompressor: Callable[[], _Decompressor]) -> Iterator[bytes]:
    """Several streams behind one another are one; anything else behind a stream is damage."""
    current = decompressor()
    rest = packed.read(_CHUNK_BYTES)
    while rest or not current.needs_input:
        yield current.decompress(rest, _CHUNK_BYTES)
        rest = b""
        if current.eof:
            rest = current.unused_data or packed.read(_CHUNK_BYTES)
            if not rest:
                return
            current = decompressor()
        elif current.needs_input:
            rest = packed.read(_CHUNK_BYTES)
    raise EOFError("it ends before its last stream does")


def _unpack_bzip2(packed: IO[bytes]) -> Iterator[bytes]:
    return _unpack_frames(packed, bz2.BZ2Decompressor)


def _unpack_zstd(packed: IO[bytes]) -> Iterator[bytes]:
    options = {int(zstd.DecompressionParameter.window_log_max): _ZSTD_WINDOW_LOG}
    return _unpack_frames(packed, lambda: zstd.ZstdDecompressor(options=options))


class _Packing(NamedTuple):
    magic: re.Pattern[bytes]
    unpack: Callable[[IO[bytes]], Iterator[bytes]]


PACKINGS: dict[Compression, _Packing] = {
    "gzip": _Packing(re.compile(rb"\x1f\x8b"), _unpack_gzip),
    "bzip2": _Packing(re.compile(rb"BZh[1-9](?:1AY&SY|\x17rE8P\x90)"), _unpack_bzip2),
    "zstd": _Packing(re.compile(rb"\x28\xb5\x2f\xfd|[\x50-\x5f]\x2a\x4d\x18"), _unpack_zstd),
}
_MAGIC_BYTES = 10


def find_compression(path: Path) -> Compression | None:
    with path.open("rb") as file:
        head = file.read(_MAGIC_BYTES)
    return next((name for name, packing in PACKINGS.items() if packing.magic.match(head)), None)


def unpack(source: Path, compression: Compression, target: Path, limits: Limits) -> Path:
    """Raises BatchRejectedError: unreadable_file (damaged, cut off), unpacks_too_large, suspicious_ratio."""
    written = 0
    try:
        with source.open("rb") as packed, target.open("wb") as file:
            for chunk in PACKINGS[compression].unpack(packed):
                written += file.write(chunk)
                _refuse_bombs(written, packed.tell(), limits)
    except (EOFError, OSError, zlib.error, zstd.ZstdError) as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise
        raise BatchRejectedError("unreadable_file", f"the {compression} stream is damaged: {error}") from error
    return target


def refuse_too_many_bytes(written: int, limits: Limits) -> None:
    """Raises BatchRejectedError: unpacks_too_large."""
    if written > limits.unpacked_bytes:
        raise BatchRejectedError(
            "unpacks_too_large", f"expected at most {limits.unpacked_bytes} bytes unpacked, got more; split the file"
        )


def _refuse_bombs(written: int, read: int, limits: Limits) -> None:
    refuse_too_many_bytes(written, limits)
    if written > max(_HARMLESS_BYTES, read * limits.unpacking_ratio):
        raise BatchRejectedError(
            "suspicious_ratio",
            f"expected at most {limits.unpacking_ratio} bytes for each packed one, got {written} from {read};"
            " deliver the file unpacked",
        )
