"""Compressed streams: bombs, nests, and streams that are damaged or lie about themselves."""

import bz2
import gzip
import io
import tarfile
import zipfile
import zlib
from collections.abc import Callable
from functools import cache

from backports import zstd

from tests.poison.poison import SOUND_CSV, Poison, accepted, rejected

MIB = 2**20
PIECE = 32 * MIB
PIECES = 320
"""Ten GiB together."""


def bomb(compress: Callable[[bytes], bytes], fill: bytes = b"\0") -> Callable[[], bytes]:
    """Streams may be concatenated, so that one is enough to build ten GiB."""
    return lambda: compress(fill * (PIECE // len(fill))) * PIECES


def repeated_rows() -> bytes:
    """As compressible as a bomb, and every line of it is a row."""
    header, *rows = SOUND_CSV.splitlines(keepends=True)
    return gzip.compress(header, mtime=0) + gzip.compress(rows[0] * (PIECE // len(rows[0])), mtime=0) * PIECES


@cache
def gz() -> bytes:
    return gzip.compress(SOUND_CSV, mtime=0)


@cache
def zst() -> bytes:
    return zstd.compress(SOUND_CSV, options={zstd.CompressionParameter.checksum_flag: 1})


def zipped(body: bytes, name: str = "rows.csv") -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(zipfile.ZipInfo(name), body)
    return file.getvalue()


def tarred(body: bytes) -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as archive:
        member = tarfile.TarInfo("rows.csv")
        member.size = len(body)
        archive.addfile(member, io.BytesIO(body))
    return file.getvalue()


def zstd_frame(descriptor: int, rest: bytes) -> bytes:
    return b"\x28\xb5\x2f\xfd" + bytes([descriptor]) + rest


WINDOW_OF_2_GIB = zstd_frame(0x00, b"\xa8" + (1 << 3 | 1 << 1 | 1).to_bytes(3, "little") + b"x")
CLAIMS_AN_EXBIBYTE = zstd_frame(0xE0, (2**60).to_bytes(8, "little") + zst()[-40:])
SKIPPABLE_FRAME = b"\x50\x2a\x4d\x18" + (16).to_bytes(4, "little") + b"\0" * 16
LONG_GZIP_NAME = b"\x1f\x8b\x08\x08\0\0\0\0\0\x03" + b"n" * (5 * MIB) + b"\0" + gz()[10:]

POISON = (
    Poison("bomb.csv.gz", bomb(lambda body: gzip.compress(body, mtime=0)), rejected("suspicious_ratio")),
    Poison("bomb.csv.bz2", bomb(bz2.compress), rejected("suspicious_ratio")),
    Poison("bomb.csv.zst", bomb(zstd.compress), rejected("suspicious_ratio")),
    Poison("bomb-of-lines.csv.zst", bomb(zstd.compress, b"1,2\n"), rejected("suspicious_ratio")),
    Poison("bomb-of-rows.csv.gz", repeated_rows, rejected("suspicious_ratio")),
    Poison("bomb-in-a-zip.csv", lambda: zipped(bytes(PIECE)), rejected("unsupported_format")),
    Poison("gzip-in-gzip.csv.gz", gzip.compress(gz(), mtime=0), rejected("unsupported_format")),
    Poison("zstd-in-gzip.csv.gz", gzip.compress(zst(), mtime=0), rejected("unsupported_format")),
    Poison("zip-in-bzip2.csv.bz2", bz2.compress(zipped(SOUND_CSV)), rejected("unsupported_format")),
    Poison("tar.csv.gz", gzip.compress(tarred(SOUND_CSV), mtime=0), rejected("unsupported_format")),
    Poison("tar.csv", tarred(SOUND_CSV), rejected("unsupported_format")),
    Poison("cut-off.csv.gz", gz()[:-12], rejected("unreadable_file")),
    Poison("without-a-trailer.csv.gz", gz()[:-8], rejected("unreadable_file")),
    Poison("wrong-checksum.csv.gz", gz()[:-8] + bytes(4) + gz()[-4:], rejected("unreadable_file")),
    Poison("garbage-at-the-end.csv.gz", gz() + b"garbage", rejected("unreadable_file")),
    Poison("header-only.csv.gz", gz()[:10], rejected("unreadable_file")),
    Poison("long-name-inside.csv.gz", LONG_GZIP_NAME, accepted()),
    Poison("two-members.csv.gz", gz() + gzip.compress(SOUND_CSV.split(b"\n", 1)[1], mtime=0), accepted(), rows=40),
    Poison("nothing-inside.csv.gz", gzip.compress(b"", mtime=0), rejected("empty_file")),
    Poison("zlib-without-gzip.csv.gz", zlib.compress(SOUND_CSV), rejected("unsupported_format", "invalid_encoding")),
    Poison("cut-off.csv.bz2", bz2.compress(SOUND_CSV)[:-12], rejected("unreadable_file")),
    Poison("garbage-at-the-end.csv.bz2", bz2.compress(SOUND_CSV) + b"garbage", rejected("unreadable_file")),
    Poison("magic-only.csv.bz2", b"BZh9", rejected("missing_columns")),
    Poison("cut-off.csv.zst", zst()[:-12], rejected("unreadable_file")),
    Poison("wrong-checksum.csv.zst", zst()[:-4] + bytes(4), rejected("unreadable_file")),
    Poison("garbage-at-the-end.csv.zst", zst() + b"garbage", rejected("unreadable_file")),
    Poison("window-of-2-gib.csv.zst", WINDOW_OF_2_GIB, rejected("unreadable_file", "too_large")),
    Poison("claims-an-exbibyte.csv.zst", CLAIMS_AN_EXBIBYTE, rejected("unreadable_file", "too_large")),
    Poison("nothing-but-a-skipped-frame.csv.zst", SKIPPABLE_FRAME, rejected("empty_file", "unsupported_format")),
)
