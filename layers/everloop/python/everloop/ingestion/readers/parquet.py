"""Parquet: its values as text, so that validation judges every format by one rule."""

from collections.abc import Collection
from pathlib import Path

import duckdb

from everloop.sql import fetch_number, identifier


class ParquetReader:
    def __init__(self, database: duckdb.DuckDBPyConnection, path: Path) -> None:
        self._database = database
        self._path = path
        # NOTE: parquet_schema is a depth-first list; DESCRIBE would silently rename columns that differ in case alone.
        schema = database.execute("SELECT name, num_children FROM parquet_schema(?)", [str(path)]).fetchall()
        self.columns = _top_level([(str(name), int(children or 0)) for name, children in schema])

    def write(self, target: Path, columns: Collection[str]) -> int:
        selected = ", ".join(
            f"CAST({identifier(name)} AS VARCHAR) AS {identifier(name)}" for name in self.columns if name in columns
        )
        self._database.execute(
            f"COPY (SELECT {selected} FROM read_parquet(?)) TO ? (FORMAT parquet)", [str(self._path), str(target)]
        )
        return fetch_number(self._database)


def _top_level(schema: list[tuple[str, int]]) -> list[str]:
    """
    >>> _top_level([("root", 2), ("a", 1), ("list", 1), ("element", 0), ("b", 0)])
    ['a', 'b']
    """
    names = []
    open_branches = [schema[0][1]]
    for name, children in schema[1:]:
        while open_branches[-1] == 0:
            open_branches.pop()
        if len(open_branches) == 1:
            names.append(name)
        open_branches[-1] -= 1
        open_branches.append(children)
    return names
