"""How a delimited file is written: delimiter, quote, names in its first line or not, decimal sign.

Hints are believed. What they leave open is found in the first rows, in favour of the columns that are declared.
"""

import csv
import io
import re
from collections.abc import Iterable, Sequence
from itertools import islice
from pathlib import Path
from typing import Literal, NamedTuple

from everloop.contracts.columns import Csv
from everloop.errors import BatchRejectedError
from everloop.reading.limits import MIB, Limits

DELIMITERS = (",", ";", "\t", "|")
_SAMPLE_BYTES = MIB
_SAMPLE_ROWS = 1_000

_POINT = re.compile(r"[+-]?\d*\.\d+(?:[eE][+-]?\d+)?")
_COMMA = re.compile(r"[+-]?\d*,\d+(?:[eE][+-]?\d+)?")
_NUMBER = re.compile(r"[+-]?(?:\d+(?:[.,]\d*)?|[.,]\d+)(?:[eE][+-]?\d+)?")
_TIME = re.compile(r"\d{1,4}[-/.]\d{1,2}[-/.]\d{1,4}(?:[ T].*)?|\d{1,2}[:.]\d{2}(?:[:.]\d{2})?")
_SINGLE_QUOTED = re.compile(r"'.*'", re.DOTALL)
_TYPICAL = 0.9
"""The share of a column's values that must look alike to say what the column holds."""


class Dialect(NamedTuple):
    delimiter: str
    quote: str
    header: bool
    decimal: Literal[".", ","]
    columns: tuple[str, ...]


class _Sample(NamedTuple):
    delimiter: str
    quote: str
    rows: list[list[str]]
    """The first ones, the first line of the file among them; none when it does not end."""

    @property
    def width(self) -> int:
        return len(self.rows[0]) if self.rows else 0

    @property
    def names(self) -> list[str]:
        return [cell.strip() for cell in self.rows[0]] if self.rows else []

    @property
    def regularity(self) -> float:
        """Share of rows as wide as the first."""
        return sum(len(row) == self.width for row in self.rows) / len(self.rows) if self.width > 1 else 0

    @property
    def purity(self) -> float:
        """Share of cells without any other delimiter; a decimal comma is none."""
        cells = [cell for row in self.rows for cell in row]
        others = [sign for sign in DELIMITERS if sign != self.delimiter]
        pure = sum(bool(_NUMBER.fullmatch(cell)) or not any(sign in cell for sign in others) for cell in cells)
        return pure / len(cells) if cells else 0

    def column(self, place: int, missing: Iterable[str], *, first: int) -> list[str]:
        """Its values from row `first` on, without blanks around them and without those that mean null."""
        cells = (row[place].strip() for row in self.rows[first:] if len(row) == self.width)
        return [cell for cell in cells if cell and cell not in missing]


def find_dialect(path: Path, *, hints: Csv, declared: Sequence[str], limits: Limits) -> Dialect:
    """Raises BatchRejectedError: too_many_columns, field_too_long, unreadable_file."""
    text = _read_sample(path, hints, limits)
    sample = _best_sample(text, hints, declared)
    if not sample.rows:
        raise BatchRejectedError("unreadable_file", "line 1: expected column names, got an open quote; close it")
    header = _has_header(sample, hints, declared)
    names = sample.names if header else hints.names or (declared if len(declared) == sample.width else ())
    if not header and names and len(names) != sample.width:
        raise BatchRejectedError(
            "ragged_rows",
            f"line 1: expected {len(names)} values, one for each name, got {sample.width}; mend data.csv.names",
        )
    # A table saved with its row numbers has no name over them.
    columns = tuple(name or f"column_{place}" for place, name in enumerate(names or [""] * sample.width, start=1))
    decimal = hints.decimal or _decimal(sample, hints, first=int(header))
    return Dialect(sample.delimiter, sample.quote, header, decimal, columns)


def _read_sample(path: Path, hints: Csv, limits: Limits) -> str:
    size = max(_SAMPLE_BYTES, limits.field_bytes)
    with path.open("rb") as file:
        head = file.read(size)
    if len(head) == size and b"\n" not in head and b"\r" not in head:
        delimiters = (hints.delimiter,) if hints.delimiter else DELIMITERS
        columns = max(head.count(delimiter.encode()) for delimiter in delimiters) + 1
        if columns > limits.columns:
            raise BatchRejectedError(
                "too_many_columns",
                f"expected at most {limits.columns} columns, got at least {columns}; drop some",
            )
        raise BatchRejectedError(
            "field_too_long", f"line 1: expected at most {limits.field_bytes} bytes, got more; is a quote never closed?"
        )
    return head.decode(errors="ignore")


def _best_sample(text: str, hints: Csv, declared: Sequence[str]) -> _Sample:
    expected = set(declared).union(hints.names)
    samples = [
        _sample(text, delimiter, hints.quote or '"')
        for delimiter in ((hints.delimiter,) if hints.delimiter else DELIMITERS)
    ]
    best = max(
        samples,
        key=lambda sample: (
            len(expected.intersection(sample.names)),
            round(sample.regularity, 1),
            round(sample.purity, 1),
            sample.width,
        ),
    )
    return best if hints.quote or not _is_single_quoted(best) else _sample(text, best.delimiter, "'")


def _sample(text: str, delimiter: str, quote: str) -> _Sample:
    rows: list[list[str]] = []
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, quotechar=quote, strict=True)
    try:
        rows.extend(row for row in islice(reader, _SAMPLE_ROWS) if row)
    except csv.Error:
        return _Sample(delimiter, quote, rows)
    is_cut = len(text) >= _SAMPLE_BYTES // 4 and len(rows) < _SAMPLE_ROWS
    return _Sample(delimiter, quote, rows[:-1] if is_cut and len(rows) > 1 else rows)


def _is_single_quoted(sample: _Sample) -> bool:
    """Some column's values all lie between single quotes."""
    columns = ([row[place] for row in sample.rows if len(row) > place] for place in range(sample.width))
    return any(
        len(cells) > 1 and all(len(cell) > 1 and _SINGLE_QUOTED.fullmatch(cell) for cell in cells) for cells in columns
    )


def _has_header(sample: _Sample, hints: Csv, declared: Sequence[str]) -> bool:
    if hints.header is not None:
        return hints.header
    if set(declared).union(hints.names).intersection(sample.names):
        return True
    if hints.names:
        return False
    if declared and len(declared) != sample.width:
        return True
    return not _looks_like_data(sample, hints)


def _looks_like_data(sample: _Sample, hints: Csv) -> bool:
    """The first row has a number or a time wherever the rows below have, and they do have some."""
    firsts = []
    for place in range(sample.width):
        below = sample.column(place, hints.missing, first=1)
        first = sample.names[place]
        if first and below and sum(map(_is_typed, below)) >= _TYPICAL * len(below):
            firsts.append(first)
    return bool(firsts) and all(_is_typed(first) or first in hints.missing for first in firsts)


def _is_typed(text: str) -> bool:
    return bool(_NUMBER.fullmatch(text) or _TIME.fullmatch(text))


def _decimal(sample: _Sample, hints: Csv, *, first: int) -> Literal[".", ","]:
    if sample.delimiter == ",":
        return "."
    with_comma = 0
    for place in range(sample.width):
        cells = sample.column(place, hints.missing, first=first)
        if not cells or sum(bool(_NUMBER.fullmatch(cell)) for cell in cells) < _TYPICAL * len(cells):
            continue
        if any(_POINT.fullmatch(cell) for cell in cells):
            return "."
        with_comma += any(_COMMA.fullmatch(cell) for cell in cells)
    return "," if with_comma else "."
