"""Profile the accepted rows of a batch, so that batches can be compared without reading them again."""

import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
from numpy.typing import NDArray

from everloop.contracts.definition import ColumnType, Definition
from everloop.features.profile import Profile, centres_of
from everloop.sql import identifier

_NUMBER = "coalesce(CAST({} AS DOUBLE), 'nan')"
_READINGS = {
    ColumnType.NUMBER: _NUMBER,
    ColumnType.INTEGER: _NUMBER,
    ColumnType.BOOLEAN: _NUMBER,
    ColumnType.CATEGORY: "coalesce({}, '')",
    ColumnType.TIMESTAMP: "coalesce(epoch({}), 'nan')",
}
"""What is profiled, and how; free text says nothing by its levels."""


def find_centres(database: duckdb.DuckDBPyConnection, accepted: Path, definition: Definition) -> dict[str, float]:
    """The median of each column of numbers, as a proposal: the model's first batch fixes them for all that follow."""
    found: dict[str, float] = {}
    for name, values in _columns(database, accepted, definition):
        # NOTE: the median of two numbers near the largest double overflows; any centre will do.
        with np.errstate(over="ignore"):
            found |= {
                key: centre if math.isfinite(centre) else 0.0 for key, centre in centres_of({name: values}).items()
            }
    return found


def profile_rows(
    database: duckdb.DuckDBPyConnection, accepted: Path, definition: Definition, centres: Mapping[str, float]
) -> Profile:
    parts = [Profile.of({name: values}, centres) for name, values in _columns(database, accepted, definition)]
    return Profile(
        rows=max((part.rows for part in parts), default=0),
        columns={name: column for part in parts for name, column in part.columns.items()},
    )


def _columns(
    database: duckdb.DuckDBPyConnection, accepted: Path, definition: Definition
) -> Iterator[tuple[str, NDArray[Any]]]:
    """One at a time: Parquet reads a single column, and memory holds no more."""
    for name, column in definition.columns.items():
        if name in definition.data.row_id or column.type not in _READINGS:
            continue
        expression = _READINGS[column.type].format(identifier(name))
        query = f"SELECT {expression} AS v FROM read_parquet(?)"
        yield name, np.asarray(database.execute(query, [str(accepted)]).fetchnumpy()["v"])
