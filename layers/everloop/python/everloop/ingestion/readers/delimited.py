"""CSV, TSV and their kin, strictly: a row has exactly the header's columns, and no type is guessed."""

import csv
from collections.abc import Collection
from pathlib import Path

import duckdb

from everloop.errors import BatchRejectedError
from everloop.ingestion.limits import MAXIMUM_COLUMNS, MAXIMUM_HEADER_BYTES
from everloop.sql import fetch_number, identifier

DELIMITERS = (",", ";", "\t", "|")

REASONS = {
    "MISSING COLUMNS": "ragged_rows",
    "TOO MANY COLUMNS": "ragged_rows",
    "INVALID ENCODING": "invalid_encoding",
}
"""DuckDB's error types that have a reason of their own; the others are unreadable_file."""


class DelimitedReader:
    def __init__(self, database: duckdb.DuckDBPyConnection, path: Path, declared: Collection[str]) -> None:
        self._database = database
        self._path = path
        self._delimiter, self.columns = _read_header(path, declared)

    def write(self, target: Path, columns: Collection[str]) -> int:
        places = {f"c{place}": "VARCHAR" for place in range(len(self.columns))}
        selected = ", ".join(
            f"c{place} AS {identifier(name)}" for place, name in enumerate(self.columns) if name in columns
        )
        try:
            self._copy(target, selected, places)
        except duckdb.InvalidInputException as error:
            mixed = self._mixed_line_ends()
            if mixed:
                raise BatchRejectedError("unreadable_file", mixed) from error
            raise
        rows = fetch_number(self._database)
        self._refuse_faulty_lines()
        return rows

    def _copy(self, target: Path, selected: str, places: dict[str, str]) -> None:
        # NOTE: store_rejects goes on after a faulty line, but tells what is wrong with it in a table, not in prose.
        self._database.execute(
            f"""
            COPY (
                SELECT {selected} FROM read_csv(
                    ?, columns = ?, delim = ?, header = true, auto_detect = false, quote = '"', escape = '"',
                    strict_mode = true, null_padding = false, store_rejects = true, rejects_limit = 1
                )
            ) TO ? (FORMAT parquet)
            """,
            [str(self._path), places, self._delimiter, str(target)],
        )

    def _mixed_line_ends(self) -> str | None:
        """DuckDB reads one kind of line end in a file, and gives up on a second without saying where."""
        names = {True: "CRLF", False: "LF"}
        with self._path.open("rb") as file:
            ends = (line.endswith(b"\r\n") for line in file if line.endswith(b"\n"))
            first = next(ends, None)
            for number, end in enumerate(ends, start=2):
                if end is not first:
                    return (
                        f"line {number}: expected {names[bool(first)]} at its end, as in the lines before, "
                        f"got {names[end]}; save the file with one kind of line end"
                    )
        return None

    def _refuse_faulty_lines(self) -> None:
        self._database.execute(
            "SELECT line, error_type::VARCHAR, error_message FROM reject_errors ORDER BY line LIMIT 1"
        )
        fault = self._database.fetchone()
        if fault:
            line, kind, message = fault
            first_sentence = str(message).splitlines()[0].rstrip(".")
            raise BatchRejectedError(REASONS.get(kind, "unreadable_file"), f"line {line}: {first_sentence}")


def _read_header(path: Path, declared: Collection[str]) -> tuple[str, list[str]]:
    """The delimiter under which the first line names the most declared columns, and the names it then has."""
    with path.open("rb") as file:
        head = file.read(MAXIMUM_HEADER_BYTES)
    if len(head) == MAXIMUM_HEADER_BYTES and b"\n" not in head and b"\r" not in head:
        raise BatchRejectedError(
            "too_many_columns",
            f"expected at most {MAXIMUM_COLUMNS} columns, got a first line of over {MAXIMUM_HEADER_BYTES} bytes",
        )
    lines = head.decode(errors="ignore").splitlines(keepends=True)
    headers = {delimiter: _split(lines, delimiter) for delimiter in DELIMITERS}
    delimiter = max(headers, key=lambda found: (len(set(headers[found]).intersection(declared)), len(headers[found])))
    if not headers[delimiter]:
        raise BatchRejectedError("unreadable_file", "line 1: expected column names, got an unterminated quote")
    return delimiter, headers[delimiter]


def _split(lines: list[str], delimiter: str) -> list[str]:
    try:
        names = next(csv.reader(lines, delimiter=delimiter, strict=True))
    except csv.Error:
        return []
    # A table saved with its row numbers has no name over them.
    return [name.strip() or f"column_{place}" for place, name in enumerate(names, start=1)]
