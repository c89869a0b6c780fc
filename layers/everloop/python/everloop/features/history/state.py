"""What is kept of an entity: for its features, the parts of the steps in which something counted.

8-byte numbers one after the other, packed by zlib: the moment from which on it tells all, then the number of steps, the
steps, and each part, once for all features that are `kept_as` the same.
"""

import hashlib
import math
import zlib
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from everloop.contracts.history import HistoryFeature
from everloop.features.history.aggregates import TABLE, Parts
from everloop.features.history.steps import row_step

_NUMBER_BYTES = 8
FORMAT = 2
"""To be raised whenever a state of before would be read otherwise: by other parts, steps, or another order."""
_LEVEL = 1
"""Of compression: the fastest."""


def entity_key(values: Sequence[str | int | bool]) -> str:
    """One for each entity, that does not show its name: the first 32 hex digits of a sha256."""
    texts = (str(value).lower() if isinstance(value, bool) else str(value) for value in values)
    # With its length in front, no text can be taken for two.
    named = b"".join(b"%d:%b" % (len(text), text) for text in map(str.encode, texts))
    return hashlib.sha256(named).hexdigest()[:32]


def pack(since_us: int, kept: Sequence[tuple[NDArray[np.int64], Parts]]) -> bytes:
    """Enough for rows at `since_us` and later: steps, ascending, and parts of features that are `kept_as` the same."""
    body = b"".join(
        _number(len(steps)) + b"".join(array.tobytes() for array in (steps, *parts)) for steps, parts in kept
    )
    return zlib.compress(_number(since_us) + body, _LEVEL)


def _number(value: int) -> bytes:
    return value.to_bytes(_NUMBER_BYTES, "little")


class State:
    """One entity's, as it was packed."""

    def __init__(self, body: bytes, features: Sequence[HistoryFeature]) -> None:
        """`features` as they were when it was packed."""
        kept: dict[object, tuple[NDArray[np.int64], Parts]] = {}
        unpacked = zlib.decompress(body)
        self._since_us = int.from_bytes(unpacked[:_NUMBER_BYTES], "little")
        start = _NUMBER_BYTES
        for key, feature in {feature.kept_as: feature for feature in features}.items():
            count = int.from_bytes(unpacked[start : start + _NUMBER_BYTES], "little")
            start += _NUMBER_BYTES
            arrays: list[NDArray[Any]] = []
            for kind in (np.int64, *(part.type for part in TABLE[feature.history.call.aggregate].parts)):
                arrays.append(np.frombuffer(unpacked, kind, count, start))
                start += count * _NUMBER_BYTES
            kept[key] = arrays[0], arrays[1:]
        self._features = [(feature, *kept[feature.kept_as]) for feature in features]

    def values(self, us: int) -> list[float]:
        """Of each feature for a row at that time (`steps.us_of`); NaN is null, as all is of times long past."""
        if us < self._since_us:
            return [math.nan] * len(self._features)
        return [self._value(feature, steps, parts, us) for feature, steps, parts in self._features]

    @staticmethod
    def _value(feature: HistoryFeature, steps: NDArray[np.int64], parts: Parts, us: int) -> float:
        aggregate = TABLE[feature.history.call.aggregate]
        last = row_step(feature, us)
        first, end = np.searchsorted(steps, (last - feature.steps + 1, last + 1))
        if first == end:
            return aggregate.empty
        value = float(aggregate.combine([part[first:end] for part in parts], us))
        return value if math.isfinite(value) else math.nan  # as every number of a feature: finite or null


def empty_values(features: Sequence[HistoryFeature]) -> list[float]:
    """Of an entity of which nothing is kept."""
    return [TABLE[feature.history.call.aggregate].empty for feature in features]
