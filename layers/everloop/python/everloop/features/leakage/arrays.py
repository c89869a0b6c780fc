"""Columns of a table in SQL, as the arrays that the detectors take."""

from collections.abc import Mapping
from typing import NamedTuple

import duckdb
import numpy as np

from everloop.contracts.columns import ColumnType
from everloop.features.leakage.sample import Column

_NUMBER = "coalesce(CAST({} AS DOUBLE), 'nan')"
_ARRAYS = {
    ColumnType.NUMBER: _NUMBER,
    ColumnType.INTEGER: _NUMBER,
    ColumnType.BOOLEAN: _NUMBER,
    ColumnType.CATEGORY: "coalesce({}, '')",
    ColumnType.TIMESTAMP: "coalesce(epoch({}), 'nan')",
}
"""Free text is no predictor by itself."""


class Typed(NamedTuple):
    type: ColumnType
    sql: str
    """Reads it in its type."""


def read_arrays(database: duckdb.DuckDBPyConnection, source: str, columns: Mapping[str, Typed]) -> dict[str, Column]:
    """Of those that can be suspected: float64 with NaN for null, or text with ''. `source` is what follows FROM."""
    selected = {name: _ARRAYS[kind].format(sql) for name, (kind, sql) in columns.items() if kind in _ARRAYS}
    if not selected:
        return {}
    values = ", ".join(f"{sql} AS c{place}" for place, sql in enumerate(selected.values()))
    fetched = database.execute(f"SELECT {values} FROM {source}").fetchnumpy()
    return {name: np.ma.filled(fetched[f"c{place}"]) for place, name in enumerate(selected)}
