"""One declared column as checks see it: its values as SQL expressions, and what the definition says of it."""

from collections.abc import Sequence
from dataclasses import dataclass

from everloop.contracts.batches import Reading, required_columns
from everloop.contracts.columns import Column
from everloop.contracts.definition import Definition
from everloop.reading.scan import Scan
from everloop.reading.types import Meaning, Reader, joined_parts, read_column
from everloop.sql import identifier


@dataclass(frozen=True)
class Cell:
    name: str
    column: Column
    place: int
    source: str
    """SQL over the file for the value as delivered; `raw` is its name one level up."""
    reader: Reader
    is_required: bool = False
    is_target: bool = False

    @property
    def raw(self) -> str:
        return f"r{self.place}"

    @property
    def value(self) -> str:
        """SQL for the value in its declared type; NULL when it is missing or cannot be read."""
        return f"v{self.place}"

    @property
    def levels(self) -> Sequence[str]:
        """Those that are allowed, each once; none: any."""
        return tuple(dict.fromkeys(self.column.allowed or ()))

    @property
    def level(self) -> str:
        """SQL for the value as an enumeration of the allowed levels, where those are declared; NULL for any other."""
        return f"l{self.place}"

    @property
    def is_missing(self) -> str:
        """SQL: there is no value."""
        if self.reader.is_missing is None:
            return f"{self.value} IS NULL"
        return f"CASE WHEN {self.value} IS NULL THEN {self.reader.is_missing} ELSE false END"

    @property
    def is_unreadable(self) -> str | None:
        """SQL: there is something, but not of the declared type; None: that cannot be."""
        if self.reader.is_missing is None:
            return None
        return f"CASE WHEN {self.value} IS NULL THEN NOT ({self.reader.is_missing}) ELSE false END"

    @property
    def is_odd(self) -> str | None:
        """SQL, cheap, true at least where it is unreadable: something was delivered and no value came of it."""
        return None if self.reader.is_missing is None else f"({self.value} IS NULL) <> ({self.raw} IS NULL)"


def cells_of(definition: Definition, reading: Reading, scan: Scan) -> Sequence[Cell]:
    """In the definition's order; a column that the file lacks is NULL in each row."""
    required = required_columns(definition)
    meaning = Meaning.of(definition.data.csv, reading)
    cells = []
    for place, (name, column) in enumerate(definition.columns.items()):
        source, delivered = _source(name, column, scan)
        cells.append(
            Cell(
                name,
                column,
                place,
                source,
                read_column(column, delivered, f"r{place}", meaning),
                is_required=name in required,
                is_target=name == definition.data.target,
            )
        )
    return cells


def _source(name: str, column: Column, scan: Scan) -> tuple[str, str]:
    """SQL for a column as delivered, and its DuckDB type."""
    if name in scan.types:
        return identifier(name), scan.types[name]
    if column.parts and all(part in scan.types for part in column.parts):
        return joined_parts(column.parts), "VARCHAR"
    return "CAST(NULL AS VARCHAR)", "VARCHAR"
