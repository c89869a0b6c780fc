"""Ids: time-ordered unique ones (UUID version 7, RFC 9562 section 5.7), and those that follow from content."""

import hashlib
import os
import re
import secrets
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path

from everloop import __version__

_PACKAGE = Path(__file__).parent
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_ID = r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"
_VERSION = bytes(0x70 | byte & 0x0F for byte in range(256))
_VARIANT = bytes(0x80 | byte & 0x3F for byte in range(256))


def new_id(now: datetime, randomness: int | None = None) -> str:
    """`now` gives the first 48 bits in milliseconds, so ids sort by time; 74 random bits follow unless given."""
    random_bits = secrets.randbits(74) if randomness is None else randomness
    milliseconds = int(now.timestamp() * 1000)
    high, low = random_bits >> 62, random_bits & ((1 << 62) - 1)
    digits = f"{milliseconds << 80 | 0x7 << 76 | high << 64 | 0b10 << 62 | low:032x}"
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"


def new_ids(now: datetime, count: int) -> list[str]:
    """As many ids as `new_id` would give, six times faster for many, strictly increasing within one call."""
    milliseconds = f"{int(now.timestamp() * 1000):012x}"
    moment = f"{milliseconds[:8]}-{milliseconds[8:]}"
    tails = bytearray(os.urandom(10 * count))
    tails[0::10] = tails[0::10].translate(_VERSION)
    tails[2::10] = tails[2::10].translate(_VARIANT)
    digits = tails.hex()
    starts = range(0, 20 * count, 20)
    return sorted([f"{moment}-{digits[i : i + 4]}-{digits[i + 4 : i + 8]}-{digits[i + 8 : i + 20]}" for i in starts])


def moment_of(identifier: str) -> datetime:
    """When an id was made, to the millisecond; raises ValueError for a text that is none of ours."""
    if not re.fullmatch(_ID, identifier):
        raise ValueError(f"expected a UUID of version 7 in lower case, got {identifier[:80]!r}")
    try:
        return _EPOCH + timedelta(milliseconds=int(identifier[:8] + identifier[9:13], 16))
    except OverflowError:
        raise ValueError(f"expected an id of a year before 10000, got {identifier!r}") from None


def sha256_of(path: Path) -> str:
    """Of a file's bytes, in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@cache
def code_version() -> str:
    """The release, and a digest of the package's sources: what a run was made with, though nobody counted it up."""
    digest = hashlib.sha256()
    for path in sorted(_PACKAGE.rglob("*.py")):
        digest.update(f"{path.relative_to(_PACKAGE).as_posix()}\0{sha256_of(path)}\n".encode())
    return f"{__version__}+{digest.hexdigest()[:12]}"
