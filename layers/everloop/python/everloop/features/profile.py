"""A mergeable profile of a table's columns: small, the same whatever order the parts are merged in, enough for drift.

A number is counted under the top 16 bits of float32(x - centre): a logarithmic bucket, at most 0.8 % wide, about the
column's training median. All profiles that meet must share their centres, so the first one fixes them. Categories are
counted by level; of a column with very many levels a fixed sample of levels is counted and the rest summed, the most
frequent ones listed within bounds, and their number estimated.

In any order of merging the same: rows, nulls, all counts, other, distinct, minimum and maximum. Within a guarantee
only: the heavy hitters. Up to the last bits: the sums that mean and spread come from.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from everloop.features.column_profile import (
    COLUMN_PROFILES,
    CategoryProfile,
    ColumnProfile,
    NumberProfile,
    ProfileMismatchError,
)

__all__ = ["Profile", "ProfileMismatchError", "centres_of"]

_FORMAT = 2
_LEGIBLE_FORMATS = (1, 2)
"""The first had neither packed levels nor heavy hitters, and reads the same."""


@dataclass(frozen=True)
class Profile:
    rows: int
    columns: dict[str, ColumnProfile]

    @classmethod
    def of(cls, columns: Mapping[str, NDArray[Any]], centres: Mapping[str, float]) -> Self:
        """Profile 1-D columns: arrays of numbers (NaN is null), unicode or object arrays of categories ('' is null)."""
        lengths = {len(values) for values in columns.values()}
        if len(lengths) > 1:
            raise ProfileMismatchError(f"expected columns of one length, got {sorted(lengths)}")
        profiles: dict[str, ColumnProfile] = {}
        for name, values in columns.items():
            if not _is_number(values):
                profiles[name] = CategoryProfile.of(values)
            elif name in centres:
                profiles[name] = NumberProfile.of(values, centres[name])
            else:
                raise ProfileMismatchError(f"column {name!r} holds numbers but has no centre; take `centres_of`")
        return cls(lengths.pop() if lengths else 0, profiles)

    @property
    def centres(self) -> dict[str, float]:
        """What profiles that shall be merged or compared with this one must be made with."""
        return {name: column.centre for name, column in self.columns.items() if isinstance(column, NumberProfile)}

    def null_share(self, name: str) -> float | None:
        """None when there is no such column, or no row."""
        column = self.columns.get(name)
        return column.null_share if column and self.rows else None

    def describe(self) -> dict[str, dict[str, Any]]:
        """Column → plain JSON values for people to read; None where there is no value to describe."""
        return {name: column.describe() for name, column in self.columns.items()}

    def merge(self, other: Self) -> Self:
        """Raises ProfileMismatchError when columns or centres differ."""
        if self.columns.keys() != other.columns.keys():
            different = sorted(self.columns.keys() ^ other.columns.keys())
            raise ProfileMismatchError(f"columns {', '.join(map(repr, different))} are in one profile only")
        merged = {name: _merge(name, column, other.columns[name]) for name, column in self.columns.items()}
        return type(self)(self.rows + other.rows, merged)

    def to_json(self) -> bytes:
        columns = {name: column.to_dict() for name, column in self.columns.items()}
        body = {"format": _FORMAT, "rows": self.rows, "columns": columns}
        return json.dumps(body, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode()

    @classmethod
    def from_json(cls, body: bytes) -> Self:
        read = json.loads(body)
        if read["format"] not in _LEGIBLE_FORMATS:
            raise ProfileMismatchError(
                f"expected a profile of format {_FORMAT}, got {read['format']!r}; update Everloop"
            )
        columns = {name: COLUMN_PROFILES[fields["type"]].from_dict(fields) for name, fields in read["columns"].items()}
        return cls(read["rows"], columns)


def centres_of(columns: Mapping[str, NDArray[Any]]) -> dict[str, float]:
    """The median of each column of numbers; 0 for one without values."""
    centres = {}
    for name, values in columns.items():
        if _is_number(values):
            numbers = np.asarray(values, np.float64)
            numbers = numbers[np.isfinite(numbers)]
            centres[name] = float(np.median(numbers)) if len(numbers) else 0.0
    return centres


def _is_number(values: NDArray[Any]) -> bool:
    return values.dtype.kind in "fiub"


def _merge(name: str, one: ColumnProfile, other: ColumnProfile) -> ColumnProfile:
    try:
        match one, other:
            case NumberProfile(), NumberProfile():
                return one.merge(other)
            case CategoryProfile(), CategoryProfile():
                return one.merge(other)
    except ProfileMismatchError as error:
        raise ProfileMismatchError(f"column {name!r}: {error}") from error
    raise ProfileMismatchError(f"column {name!r} holds numbers in one profile and categories in the other")
