"""Counts as short text inside JSON: zlib, then base 85."""

import base64
import json
import zlib
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

LARGEST_LEGIBLE = 100
"""Up to this many levels stay legible JSON; more are packed, which takes a fifth of the room or less."""


def pack_buckets(buckets: NDArray[np.uint16], counts: NDArray[np.int64]) -> str:
    """Steps between buckets, then counts, little-endian, byte plane by byte plane: zlib squeezes the zero bytes out."""
    steps = np.diff(buckets.astype(np.int64), prepend=0).astype("<u2")
    rows = counts.astype("<u8")
    return _pack(
        np.concatenate([steps.view(np.uint8).reshape(-1, 2).T.ravel(), rows.view(np.uint8).reshape(-1, 8).T.ravel()])
    )


def unpack_buckets(packed: str) -> tuple[NDArray[np.uint16], NDArray[np.int64]]:
    planes = np.frombuffer(_unpack(packed), np.uint8)
    length = len(planes) // 10
    steps = np.ascontiguousarray(planes[: 2 * length].reshape(2, length).T).view("<u2").ravel()
    rows = np.ascontiguousarray(planes[2 * length :].reshape(8, length).T).view("<u8").ravel()
    return np.cumsum(steps, dtype=np.int64).astype(np.uint16), rows.astype(np.int64)


def pack_levels(counts: dict[str, int]) -> dict[str, int] | str:
    if len(counts) <= LARGEST_LEGIBLE:
        return counts
    return _pack(json.dumps(counts, separators=(",", ":"), ensure_ascii=False).encode())


def unpack_levels(packed: Mapping[str, int] | str) -> dict[str, int]:
    counts: dict[str, Any] = json.loads(_unpack(packed)) if isinstance(packed, str) else dict(packed)
    return counts


def _pack(body: bytes | NDArray[np.uint8]) -> str:
    return base64.b85encode(zlib.compress(bytes(body), 9)).decode()


def _unpack(packed: str) -> bytes:
    return zlib.decompress(base64.b85decode(packed))
