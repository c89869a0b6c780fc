"""Raw columns as arrays: what requests, prepared datasets and models hand to one another."""

from typing import Any

import numpy.typing as npt

Columns = dict[str, npt.NDArray[Any]]
"""Column name → array [n, 1]: float64 with NaN for null (timestamps: epoch seconds), or str with '' for null."""
