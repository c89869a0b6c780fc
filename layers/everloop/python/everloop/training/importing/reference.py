"""Rows with the answers that a model gave where it was trained, as typed arrays."""

import io
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from everloop.columns import Columns
from everloop.metrics import Floats
from everloop.training.prepared import loaded, storable

REFERENCE = "reference.npz"
"""Among the intermediate files of a run."""

_RAW = "raw/"


@dataclass(frozen=True)
class ReferenceRows:
    raw: Columns
    """As the served model takes them."""
    predictions: Floats
    """[n], or [n, classes] of a multiclass model."""

    def __len__(self) -> int:
        return len(self.predictions)

    def to_npz(self) -> bytes:
        arrays: dict[str, npt.NDArray[Any]] = {"predictions": self.predictions}
        arrays |= {_RAW + name: storable(values) for name, values in self.raw.items()}
        buffer = io.BytesIO()
        np.savez(buffer, allow_pickle=False, **arrays)
        return buffer.getvalue()

    @classmethod
    def from_npz(cls, body: bytes) -> "ReferenceRows":
        with np.load(io.BytesIO(body), allow_pickle=False) as stored:
            raw = {name.removeprefix(_RAW): loaded(stored[name]) for name in stored if name.startswith(_RAW)}
            return cls(raw, stored["predictions"])
