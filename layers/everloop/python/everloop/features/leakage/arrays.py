"""Columns of a table in SQL, as the arrays that the detectors take."""

from collections.abc import Mapping
from typing import NamedTuple

import duckdb
import numpy as np

from everloop.contracts.columns import ColumnType
from everloop.features.leakage.sample import Column

MAXIMUM_CHARACTERS = 1_000
"""Of a free text: what gives the target away seldom comes later, and 50,000 books do not fit in memory."""

_NUMBER = "coalesce(CAST({} AS DOUBLE), 'nan')"
_ARRAYS = {
    ColumnType.NUMBER: _NUMBER,
    ColumnType.INTEGER: _NUMBER,
    ColumnType.BOOLEAN: _NUMBER,
    ColumnType.CATEGORY: "coalesce({}, '')",
    ColumnType.TEXT: f"left(coalesce({{}}, ''), {MAXIMUM_CHARACTERS})",
    ColumnType.TIMESTAMP: "coalesce(epoch({}), 'nan')",
}


class Typed(NamedTuple):
    type: ColumnType
    sql: str
    """Reads it in its type."""


def read_arrays(database: duckdb.DuckDBPyConnection, source: str, columns: Mapping[str, Typed]) -> dict[str, Column]:
    """As float64 with NaN for null, or text with ''. `source` is what follows FROM."""
    selected = {name: _ARRAYS[kind].format(sql) for name, (kind, sql) in columns.items()}
    if not selected:
        return {}
    values = ", ".join(f"{sql} AS c{place}" for place, sql in enumerate(selected.values()))
    fetched = database.execute(f"SELECT {values} FROM {source}").fetchnumpy()
    return {name: np.ma.filled(fetched[f"c{place}"]) for place, name in enumerate(selected)}
