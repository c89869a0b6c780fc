"""Ids: time-ordered unique ones (UUID version 7, RFC 9562 section 5.7), and those that follow from content."""

import hashlib
import secrets
from datetime import datetime
from pathlib import Path
from uuid import UUID


def new_id(now: datetime, randomness: int | None = None) -> str:
    """`now` gives the first 48 bits in milliseconds, so ids sort by time; 74 random bits follow unless given."""
    random_bits = secrets.randbits(74) if randomness is None else randomness
    milliseconds = int(now.timestamp() * 1000)
    high, low = random_bits >> 62, random_bits & ((1 << 62) - 1)
    return str(UUID(int=milliseconds << 80 | 0x7 << 76 | high << 64 | 0b10 << 62 | low))


def sha256_of(path: Path) -> str:
    """Of a file's bytes, in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
