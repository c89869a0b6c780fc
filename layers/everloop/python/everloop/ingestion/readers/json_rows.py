"""JSON Lines and JSON arrays of flat objects; numbers, even 1e400, come as text."""

from collections.abc import Collection
from pathlib import Path
from typing import Self

import duckdb

from everloop.errors import BatchRejectedError
from everloop.ingestion.limits import MAXIMUM_COLUMNS
from everloop.sql import fetch_number, identifier

_TAIL_BYTES = 4096


class JsonReader:
    def __init__(self, database: duckdb.DuckDBPyConnection, path: Path, declared: Collection[str], layout: str) -> None:
        self._database = database
        self._path = path
        self._layout = layout
        self.columns = self._find_columns(declared)

    @classmethod
    def of_lines(cls, database: duckdb.DuckDBPyConnection, path: Path, declared: Collection[str]) -> Self:
        return cls(database, path, declared, "newline_delimited")

    @classmethod
    def of_array(cls, database: duckdb.DuckDBPyConnection, path: Path, declared: Collection[str]) -> Self:
        # WARNING: DuckDB takes an array that was cut off behind a comma for a whole one.
        if not _tail(path).endswith(b"]"):
            raise BatchRejectedError("unreadable_file", "the JSON array does not end with ']'; is the file cut off?")
        return cls(database, path, declared, "array")

    def _find_columns(self, declared: Collection[str]) -> list[str]:
        """Declared columns in the definition's order, then the others by name: objects have no order."""
        source = [str(self._path), self._layout]
        stranger = self._database.execute(
            "SELECT json_type(json) FROM read_json_objects(?, format = ?) WHERE json_type(json) <> 'OBJECT' LIMIT 1",
            source,
        ).fetchone()
        if stranger:
            raise BatchRejectedError(
                "unreadable_file", f"expected objects such as {{column: value}}, got {stranger[0]}"
            )
        twice = self._database.execute(
            "SELECT json_keys(json) AS keys FROM read_json_objects(?, format = ?)"
            " WHERE len(keys) <> len(list_distinct(keys)) LIMIT 1",
            source,
        ).fetchone()
        if twice:
            return list(twice[0])
        found = self._database.execute(
            "SELECT DISTINCT unnest(json_keys(json)) FROM read_json_objects(?, format = ?) LIMIT ?",
            [*source, MAXIMUM_COLUMNS + 1],
        ).fetchall()
        names = {str(name) for (name,) in found}
        return [*(name for name in declared if name in names), *sorted(names.difference(declared))]

    def write(self, target: Path, columns: Collection[str]) -> int:
        wanted = [name for name in self.columns if name in columns]
        self._database.execute(
            f"COPY (SELECT {', '.join(map(identifier, wanted))} FROM read_json(?, format = ?, columns = ?))"
            " TO ? (FORMAT parquet)",
            [str(self._path), self._layout, dict.fromkeys(wanted, "VARCHAR"), str(target)],
        )
        return fetch_number(self._database)


def _tail(path: Path) -> bytes:
    with path.open("rb") as file:
        file.seek(max(path.stat().st_size - _TAIL_BYTES, 0))
        return file.read().rstrip()
