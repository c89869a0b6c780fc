"""A file's path in SQL."""

from glob import escape
from pathlib import Path

from everloop.sql import literal


def path_literal(path: Path) -> str:
    """
    >>> print(path_literal(Path("/tmp/rows[1].csv")))
    '/tmp/rows[[]1].csv'

    WARNING: not escaped, DuckDB takes it for a pattern and reads /tmp/rows1.csv.
    """
    return literal(escape(str(path)))
