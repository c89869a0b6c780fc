"""One reader for each format: what columns a file has, and its rows as Parquet with every value as text."""

from collections.abc import Callable, Collection
from pathlib import Path
from typing import Protocol

import duckdb

from everloop.ingestion.formats import Format
from everloop.ingestion.readers.delimited import DelimitedReader
from everloop.ingestion.readers.json_rows import JsonReader
from everloop.ingestion.readers.parquet import ParquetReader


class Reader(Protocol):
    columns: list[str]
    """As the file names them, in its order; possibly with repetitions."""

    def write(self, target: Path, columns: Collection[str]) -> int:
        """Write these columns, in the order of the file's rows, and return the number of rows.

        Raises BatchRejectedError, or duckdb.Error for what DuckDB cannot read.
        """


ReaderFactory = Callable[[duckdb.DuckDBPyConnection, Path, Collection[str]], Reader]
"""Called with the database, the file and the columns that the definition declares."""

READERS: dict[Format, ReaderFactory] = {
    Format.DELIMITED: DelimitedReader,
    Format.JSON_LINES: JsonReader.of_lines,
    Format.JSON_ARRAY: JsonReader.of_array,
    Format.PARQUET: lambda database, path, _: ParquetReader(database, path),
}
