"""Which rows of a request an experiment gives to its challenger."""

import math
from collections.abc import Sequence
from hashlib import blake2b
from typing import Any

from everloop.columns import Columns
from everloop.contracts.definition import Definition
from everloop.contracts.traffic import Traffic

_WHOLE = float(2**64)


def assigned(traffic: Traffic, definition: Definition, columns: Columns, prediction_ids: Sequence[str]) -> list[bool]:
    """Of each row. An entity keeps its side while the share grows, and gets a new one in the next experiment.

    A row that names no entity is one for itself.
    """
    named = _entities(definition, columns)
    units = prediction_ids if named is None else [own or row for own, row in zip(named, prediction_ids, strict=True)]
    return [position(traffic.salt, unit) < traffic.share for unit in units]


def position(salt: str, unit: str) -> float:
    """Where in [0, 1) the unit lies: uniform over units, independent between salts."""
    digest = blake2b(f"{salt}\0{unit}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") / _WHOLE


def _entities(definition: Definition, columns: Columns) -> list[str] | None:
    name = definition.data.entity
    if name is None or name not in columns:
        return None
    values: list[Any] = columns[name][:, 0].tolist()
    if definition.inputs[name].type.is_textual:
        return values
    return ["" if math.isnan(value) else repr(value) for value in values]
