"""DuckDB as an embedded calculator: bounded memory, no network, and quoting in one place."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import duckdb

MEMORY_LIMIT = "1GiB"
"""What DuckDB may hold before it spills to `folder`; the functions that use it need about 512 MiB more."""
THREADS = 2
_SMALL_BYTES = 16 * 2**20


def threads_for(file: Path) -> int:
    """A small file is read by one: a second would only take its share of memory, 100 MiB for JSON."""
    return THREADS if file.stat().st_size > _SMALL_BYTES else 1


@contextmanager
def open_database(folder: Path, *, threads: int = THREADS) -> Iterator[duckdb.DuckDBPyConnection]:
    """An empty in-memory database that spills into `folder` and reads times without an offset as UTC."""
    database = duckdb.connect(
        config={
            "memory_limit": MEMORY_LIMIT,
            "threads": threads,
            "async_threads": 0,  # eight more, which only wait for files, and whose heaps take 64 MiB of addresses each
            "temp_directory": str(folder / "spilled"),
            "autoinstall_known_extensions": False,
            "autoload_known_extensions": False,
        }
    )
    try:
        database.execute("SET TimeZone = 'UTC'")
        yield database
    finally:
        database.close()


@contextmanager
def one_thread(connection: duckdb.DuckDBPyConnection) -> Iterator[None]:
    """For what shall give the same bits every time."""
    threads = connection.execute("SELECT current_setting('threads')").fetchall()[0][0]
    connection.execute("SET threads = 1")
    try:
        yield
    finally:
        connection.execute(f"SET threads = {threads}")


def identifier(name: str) -> str:
    """
    >>> print(identifier('the "best" column'))
    "the ""best"" column"
    """
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    """
    >>> print(literal("Martha's Vineyard"))
    'Martha''s Vineyard'
    """
    return "'" + text.replace("'", "''") + "'"


def as_enumeration(sql: str, levels: Sequence[str]) -> str:
    """SQL for a text as one of these, NULL for any other: found by its hash, where IN would compare it with each."""
    return f"TRY_CAST({sql} AS ENUM ({', '.join(map(literal, levels))}))"


def fetch_number(database: duckdb.DuckDBPyConnection) -> int:
    """The one number that the statement just executed answers: a count, or the rows that COPY has written."""
    [(number,)] = database.fetchall()  # to the end: with rows left the connection would refuse to stream
    return int(number)
