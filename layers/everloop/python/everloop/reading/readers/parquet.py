"""Parquet: its columns and types by its footer, which may lie."""

from pathlib import Path

import duckdb

from everloop.contracts.batches import Reading
from everloop.errors import BatchRejectedError
from everloop.reading.limits import Limits
from everloop.reading.paths import path_literal
from everloop.sql import identifier, open_database

BATCH_METADATA = "everloop_batch"
"""The key under which a quarantine file names its batch."""
_MAGIC = b"PAR1"
_TAIL_BYTES = 8
_VALUE_BYTES = 8
"""What a value takes once it is read, however little it takes in the file."""
_ROWS = """
SELECT num_rows, (
    SELECT coalesce(sum(rows), 0)::BIGINT
    FROM (SELECT DISTINCT row_group_id, row_group_num_rows AS rows FROM parquet_metadata({file}))
) FROM parquet_file_metadata({file})
"""


def parquet_columns(database: duckdb.DuckDBPyConnection, path: Path, limits: Limits) -> list[str]:
    """Raises duckdb.Error, and BatchRejectedError: unreadable_file, unpacks_too_large, field_too_long."""
    _check_footer(path)
    # NOTE: parquet_schema is a depth-first list; DESCRIBE would silently rename columns that differ in case alone.
    schema = database.execute(f"SELECT name, num_children FROM parquet_schema({path_literal(path)})").fetchall()
    columns = _top_level([(str(name), int(children or 0)) for name, children in schema])
    [(rows, there)] = database.execute(_ROWS.format(file=path_literal(path))).fetchall()
    if rows != there:
        raise BatchRejectedError("unreadable_file", f"its footer tells of {rows} rows, but lists {there}; export again")
    values = rows * max(len(columns), 1)
    if rows < 0 or values * _VALUE_BYTES > limits.unpacked_bytes:
        most = limits.unpacked_bytes // _VALUE_BYTES
        raise BatchRejectedError(
            "unpacks_too_large", f"expected at most {most} values, got {values} in {rows} rows; split the file"
        )
    _refuse_long_texts(database, path, limits)
    return columns


def _refuse_long_texts(database: duckdb.DuckDBPyConnection, path: Path, limits: Limits) -> None:
    """A dictionary holds a long text once for a million rows: only the rows tell how much text there is."""
    types = parquet_types(database, path)
    texts = [name for name, kind in types.items() if kind in ("VARCHAR", "BLOB")]
    if not texts:
        return
    # BLOB has no strlen; octet_length would not take VARCHAR.
    lengths = [f"{'strlen' if types[name] == 'VARCHAR' else 'octet_length'}({identifier(name)})" for name in texts]
    looked_for = ", ".join(f"coalesce(max({length}), 0), coalesce(sum({length}), 0)" for length in lengths)
    [found] = database.execute(f"SELECT {looked_for} FROM read_parquet({path_literal(path)})").fetchall()
    for name, longest in zip(texts, found[::2], strict=True):
        if longest > limits.field_bytes:
            raise BatchRejectedError(
                "field_too_long",
                f"column {name!r}: expected values of at most {limits.field_bytes} bytes, got one of {longest};"
                " shorten it, or leave the column out",
            )
    if sum(found[1::2]) > limits.unpacked_bytes:
        raise BatchRejectedError(
            "unpacks_too_large",
            f"expected at most {limits.unpacked_bytes} bytes of text, got {sum(found[1::2])}; split the file",
        )


def batch_named_in(path: Path) -> str | None:
    """The batch whose quarantine file this is, by its own word; None for any other file."""
    query = f"SELECT value FROM parquet_kv_metadata({path_literal(path)}) WHERE key = '{BATCH_METADATA}'"
    try:
        _check_footer(path)
        with open_database(path.parent) as database:
            found = database.execute(query).fetchall()
    except (duckdb.Error, BatchRejectedError):
        return None  # whatever it is, it is read as any other file
    return bytes(found[0][0]).decode(errors="replace") if found else None


def parquet_types(database: duckdb.DuckDBPyConnection, path: Path) -> dict[str, str]:
    described = database.execute(f"DESCRIBE FROM read_parquet({path_literal(path)})").fetchall()
    return {str(name): str(kind) for name, kind, *_ in described}


def parquet_table(path: Path, reading: Reading, limits: Limits) -> str:
    return f"read_parquet({path_literal(path)}, file_row_number = {str(numbers_rows(reading)).lower()})"


def numbers_rows(reading: Reading) -> bool:
    """DuckDB can number the rows, unless the file has a column with the name it would give to that."""
    return "file_row_number" not in map(str.lower, reading.columns)


def _check_footer(path: Path) -> None:
    """A length that does not fit the file is not for DuckDB to allocate."""
    size = path.stat().st_size
    with path.open("rb") as file:
        file.seek(max(size - _TAIL_BYTES, 0))
        tail = file.read()
    if tail[4:] == b"PARE":
        raise BatchRejectedError("unreadable_file", "the Parquet file is encrypted; deliver it in the clear")
    length = int.from_bytes(tail[:4], "little")
    if tail[4:] != _MAGIC or length + _TAIL_BYTES + len(_MAGIC) > size:
        raise BatchRejectedError(
            "unreadable_file", "it begins like Parquet, but its footer is damaged; is the file cut off?"
        )


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
