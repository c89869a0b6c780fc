"""JSON Lines and JSON arrays of flat objects; numbers, even 1e400, come as text."""

from collections.abc import Collection
from pathlib import Path

import duckdb

from everloop.contracts.batches import Format, Reading
from everloop.errors import BatchRejectedError
from everloop.reading.limits import Limits
from everloop.reading.paths import path_literal
from everloop.sql import identifier, literal

_TAIL_BYTES = 4096
_LAYOUTS = {Format.JSON_LINES: "newline_delimited", Format.JSON_ARRAY: "array"}

# One pass finds every name, and at most one of each thing that is wrong; the first letter tells them apart.
_NAMES = """
SELECT DISTINCT unnest(CASE
    WHEN too_long THEN ['l']
    WHEN kind <> 'OBJECT' THEN ['s' || kind]
    WHEN len(keys) <> len(list_distinct(keys)) THEN ['d']
    ELSE list_transform(keys, lambda key: 'n' || key) END) AS name
FROM (
    SELECT DISTINCT strlen(json) > {field_bytes} AS too_long, json_type(json) AS kind, json_keys(json) AS keys
    FROM {objects}
) LIMIT {limit}
"""
_NAMES_THAT_REPEAT = """
SELECT json_keys(json) AS keys FROM {objects} WHERE len(keys) <> len(list_distinct(keys)) LIMIT 1
"""


def json_columns(
    database: duckdb.DuckDBPyConnection, path: Path, kind: Format, declared: Collection[str], limits: Limits
) -> list[str]:
    """Declared columns in the definition's order, then the others by name: objects have no order.

    Reads the whole file; raises duckdb.Error, and BatchRejectedError: unreadable_file, field_too_long.
    """
    # WARNING: DuckDB takes an array that was cut off behind a comma for a whole one.
    if kind is Format.JSON_ARRAY and not _tail(path).endswith(b"]"):
        raise BatchRejectedError("unreadable_file", "the JSON array does not end with ']'; is the file cut off?")
    objects = f"read_json_objects({path_literal(path)}, {_options(kind)})"
    query = _NAMES.format(objects=objects, field_bytes=limits.field_bytes, limit=limits.columns + 4)
    signs: dict[str, list[str]] = {"l": [], "s": [], "d": [], "n": []}
    for (name,) in database.execute(query).fetchall():
        signs[name[0]].append(name[1:])
    if signs["l"]:
        raise BatchRejectedError(
            "field_too_long", f"expected objects of at most {limits.field_bytes} bytes, got more; shorten the texts"
        )
    if signs["s"]:
        raise BatchRejectedError(
            "unreadable_file",
            f"expected objects such as {{column: value}}, got {min(signs['s'])}; write one a row",
        )
    if signs["d"]:
        [(repeated,)] = database.execute(_NAMES_THAT_REPEAT.format(objects=objects)).fetchall()
        return list(repeated)
    names = set(signs["n"]) - {""}  # no table can have a column without a name
    return [*(name for name in declared if name in names), *sorted(names.difference(declared))]


def json_table(path: Path, reading: Reading, limits: Limits) -> str:
    columns = ", ".join(f"{identifier(name)}: 'VARCHAR'" for name in reading.columns)
    return f"read_json({path_literal(path)}, {_options(reading.format)}, columns = {{{columns}}})"


def _options(kind: Format) -> str:
    return f"format = {literal(_LAYOUTS[kind])}, compression = 'none'"


def _tail(path: Path) -> bytes:
    with path.open("rb") as file:
        file.seek(max(path.stat().st_size - _TAIL_BYTES, 0))
        return file.read().rstrip()
