"""Rows to look at, and columns as codes: what the detectors share."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

Column = NDArray[Any]
Codes = NDArray[np.intp]

MINIMUM_ROWS = 100
"""With fewer, chance looks like knowledge."""
MAXIMUM_ROWS = 50_000
"""A perfect predictor is as perfect on these as on millions."""
MAXIMUM_BINS = 1_024
_ROWS_IN_A_BIN = 20


def sample(
    columns: Mapping[str, Column], target: Column, *, maximum_rows: int = MAXIMUM_ROWS
) -> tuple[dict[str, Column], Column]:
    """At most `maximum_rows` rows, evenly spaced, of those that have a target."""
    rows = np.flatnonzero(~is_null(target))
    if len(rows) > maximum_rows:
        rows = rows[np.linspace(0, len(rows) - 1, maximum_rows).astype(np.intp)]
    return {name: values[rows] for name, values in columns.items()}, target[rows]


def is_number(values: Column) -> bool:
    return values.dtype.kind in "fiub"


def is_null(values: Column) -> NDArray[np.bool_]:
    if is_number(values):
        return ~np.isfinite(np.asarray(values, np.float64))
    null: NDArray[np.bool_] = values == ""
    return null | (values == np.array(None)) if values.dtype.kind == "O" else null


def codes_of(values: Column) -> Codes:
    """0 for null, then one code for each level, or for each of at most MAXIMUM_BINS ranges with equally many rows."""
    null = is_null(values)
    codes = np.zeros(len(values), np.intp)
    filled = values[~null]
    if len(filled):
        codes[~null] = 1 + (_ranges(filled) if is_number(filled) else np.unique(filled, return_inverse=True)[1])
    return codes


def _ranges(filled: Column) -> Codes:
    bins = int(np.clip(len(filled) // _ROWS_IN_A_BIN, 2, MAXIMUM_BINS))
    levels = np.unique(filled)
    edges = levels if len(levels) <= bins else np.unique(np.quantile(filled, np.linspace(0, 1, bins), method="lower"))
    return np.searchsorted(edges, filled, side="right") - 1


def ranks(values: Column) -> NDArray[np.float64]:
    """Mid-ranks: equal values share the mean of their places."""
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    return (np.cumsum(counts) - (counts - 1) / 2)[inverse]
