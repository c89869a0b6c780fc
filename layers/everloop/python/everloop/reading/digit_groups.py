"""Digits grouped by underscores, which some languages read as one number and no data means as one."""

from pathlib import Path

import numpy as np

_CHUNK_BYTES = 2**18
"""Small enough that a chunk's arrays stay in the processor's cache."""
_ZERO, _UNDERSCORE = np.uint8(ord("0")), np.uint8(ord("_"))


def has_digit_groups(path: Path) -> bool:
    """Whether an underscore stands between two digits anywhere in the file."""
    tail = b""
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK_BYTES):
            if b"_" in chunk or tail.endswith(b"_"):
                characters = np.frombuffer(tail + chunk, np.uint8)
                is_digit = (characters - _ZERO) < 10
                if ((characters[1:-1] == _UNDERSCORE) & is_digit[:-2] & is_digit[2:]).any():
                    return True
            tail = chunk[-2:]
    return False
