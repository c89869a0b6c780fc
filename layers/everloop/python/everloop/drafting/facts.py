"""What the values of one column look like, over all rows: asked of the table of its different values."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import duckdb

from everloop.contracts.columns import Column, ColumnType
from everloop.reading.types import Meaning, read_column
from everloop.sql import identifier, literal

MAXIMUM_LEVELS = 20
"""More levels than these nobody reads, and no list of allowed ones holds."""

PLACE = '"everloop place"'
NUMBERED = f"(SELECT *, row_number() OVER () AS {PLACE} FROM delivered)"
"""The rows with their places in the file; the space keeps the name apart from any sane column's."""

NULL_WORDS = frozenset(
    {
        "na",
        "n/a",
        "#n/a",
        "<na>",
        "n.a.",
        "nan",
        "null",
        "(null)",
        "none",
        "nil",
        "-",
        "--",
        "?",
        ".",
        "*",
        "unknown",
        "missing",
        "undefined",
        "blank",
        "not available",
        "not applicable",
        "no data",
        "#value!",
        "#div/0!",
        "#ref!",
        "\\n",
    }
)
"""What people and programs write where there is no value; in lower case."""
_BOOLEAN_WORDS = ("true", "false", "yes", "no", "t", "f", "y", "n")
_NUMBER = Column(type=ColumnType.NUMBER)


@dataclass(frozen=True)
class Facts:
    name: str
    delivered: str
    """The DuckDB type; VARCHAR for every column of a text format."""
    rows: int
    present: int
    """Rows that hold a value; the counts below are of those."""
    distinct: int
    numbers: int
    integers: int
    """Written in digits alone, without a leading zero."""
    coded: int
    """Written with a leading zero, as codes are: 00501."""
    booleans: int
    """Words such as yes and false; 0 and 1 are integers."""
    rarest: int
    """Rows of the least frequent value."""
    length: float
    """Characters, on average."""
    words: float
    """Blanks and one, on average."""
    minimum: float | None
    maximum: float | None
    mean: float | None
    """Of the numbers."""
    null_words: frozenset[str]
    """Values that may stand for null, as they are written."""
    levels: tuple[tuple[str, int], ...] = field(repr=False)
    """The most frequent values with their rows, at most MAXIMUM_LEVELS."""

    @property
    def family(self) -> str:
        """The delivered type without its parameters."""
        return self.delivered.split("(")[0]

    @property
    def null_share(self) -> float:
        return 1 - self.present / self.rows if self.rows else 0.0

    @property
    def is_whole(self) -> bool:
        """Does every row hold a value?"""
        return self.present == self.rows > 0


class Delivered:
    """The rows of a file in the table `delivered`; one column at a time lies open in the table `levels`."""

    def __init__(self, database: duckdb.DuckDBPyConnection, types: dict[str, str], decimal: str) -> None:
        self.database = database
        self.types = types
        self.decimal = decimal
        self.rows = int(self.ask("SELECT count(*) FROM delivered")[0])

    def open(self, name: str) -> None:
        self.database.execute(
            "CREATE OR REPLACE TEMP TABLE levels AS SELECT level, trim(level::VARCHAR) AS text, n FROM"
            f" (SELECT {identifier(name)} AS level, count(*) AS n FROM delivered GROUP BY 1)"
        )

    def facts(self, name: str, missing: Iterable[str] = ()) -> Facts:
        """Of the open column; the texts of `missing` count as nulls."""
        number = read_column(_NUMBER, self.types[name], "level", Meaning(decimal=self.decimal)).value
        boolean_words, null_words = _listed(_BOOLEAN_WORDS), _listed(NULL_WORDS)
        shown = f"SELECT level::VARCHAR AS shown, text, n, {number} AS number FROM levels WHERE {present(missing)}"
        self.database.execute(
            f"""
            SELECT coalesce(sum(n), 0) AS present, count(*) AS distinct,
                coalesce(sum(n) FILTER (isfinite(number)), 0) AS numbers,
                coalesce(sum(n) FILTER (regexp_full_match(text, '[+-]?(0|[1-9][0-9]{{0,17}})')), 0) AS integers,
                coalesce(sum(n) FILTER (regexp_full_match(text, '0[0-9]+')), 0) AS coded,
                coalesce(sum(n) FILTER (lower(text) IN ({boolean_words})), 0) AS booleans,
                coalesce(min(n), 0) AS rarest, coalesce(avg(length(text)), 0) AS length,
                coalesce(avg(1 + length(text) - length(replace(text, ' ', ''))), 0) AS words,
                min(number) FILTER (isfinite(number)) AS minimum, max(number) FILTER (isfinite(number)) AS maximum,
                sum(number * n) FILTER (isfinite(number)) / sum(n) FILTER (isfinite(number)) AS mean,
                coalesce(list(text) FILTER (lower(text) IN ({null_words})), []) AS null_words,
                coalesce(max_by((shown, n), (n, shown), {MAXIMUM_LEVELS + 1}), []) AS levels
            FROM ({shown})
            """
        )
        names = [column[0] for column in self.database.description or []]
        found = dict(zip(names, self.database.fetchone() or (), strict=True))
        levels = tuple((str(level), int(rows)) for level, rows in found.pop("levels"))
        words = frozenset(map(str, found.pop("null_words")))
        return Facts(name=name, delivered=self.types[name], rows=self.rows, null_words=words, levels=levels, **found)

    def texts(self, missing: Iterable[str], limit: int) -> list[str]:
        """Some values of the open column, the most frequent first."""
        found = self.database.execute(
            f"SELECT text FROM levels WHERE {present(missing)} ORDER BY n DESC, text LIMIT {limit}"
        )
        return [str(text) for (text,) in found.fetchall()]

    def ask(self, sql: str) -> tuple[Any, ...]:
        """The one row that aggregates answer."""
        row: tuple[Any, ...] | None = self.database.execute(sql).fetchone()
        assert row is not None
        return row


def present(missing: Iterable[str]) -> str:
    """SQL over `levels`: a value is there, and is not one of the texts that mean null."""
    listed = _listed(missing)
    return "text <> ''" + (f" AND text NOT IN ({listed})" if listed else "")


def _listed(texts: Iterable[str]) -> str:
    return ", ".join(map(literal, sorted(texts)))
