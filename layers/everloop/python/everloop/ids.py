"""Time-ordered unique ids (UUID version 7, RFC 9562 section 5.7)."""

import secrets
from datetime import datetime
from uuid import UUID


def new_id(now: datetime, randomness: int | None = None) -> str:
    """`now` gives the first 48 bits in milliseconds, so ids sort by time; 74 random bits follow unless given."""
    random_bits = secrets.randbits(74) if randomness is None else randomness
    milliseconds = int(now.timestamp() * 1000)
    high, low = random_bits >> 62, random_bits & ((1 << 62) - 1)
    return str(UUID(int=milliseconds << 80 | 0x7 << 76 | high << 64 | 0b10 << 62 | low))
