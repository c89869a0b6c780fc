"""Tell how moments are written, and find the columns that make the moment of a row."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from everloop.contracts.columns import Column, ColumnType
from everloop.drafting.facts import Delivered, Facts, present
from everloop.reading.types import Meaning, read_column

DATES = (
    *("%Y-%m-%d", "%d/%m/%Y", "%m/%d/%Y", "%d.%m.%Y", "%d-%m-%Y", "%m-%d-%Y", "%Y/%m/%d", "%Y.%m.%d", "%Y%m%d"),
    *("%d/%m/%y", "%m/%d/%y", "%d.%m.%y", "%d-%b-%Y", "%d-%b-%y", "%d %b %Y", "%d %B %Y", "%b %d, %Y", "%B %d, %Y"),
)
CLOCKS = ("%H:%M:%S", "%H:%M", "%H.%M.%S", "%H:%M:%S.%f", "%I:%M:%S %p", "%I:%M %p")
FORMATS = (*DATES, *(f"{date}{between}{clock}" for date in DATES for between in (" ", "T") for clock in CLOCKS))
READABLE_SHARE = 0.99
"""Of the values are moments, or numbers; the rest goes to quarantine rather than making texts of all."""
_SAMPLE = 40
_LOOKS_LIKE = re.compile(r"\d{8}|(?=.{6,40}$).*\d.*[-/.: ].*\d.*")
_LOOKS_LIKE_CLOCK = re.compile(r"\d{1,2}[:.]\d{2}([:.]\d{2}(\.\d+)?)?( ?[AaPp][Mm])?")
_FIRST, _LAST = "TIMESTAMP '1900-01-01'", "TIMESTAMP '2100-01-01'"
_SWAPPED = str.maketrans("dm", "md")
"""Days for months: both readings are tried, and only a day above 12 decides."""
_DATED = re.compile(r"date|day|dt|time|stamp|when|_at$|^at$|moment|month", re.IGNORECASE)


@dataclass(frozen=True)
class Moments:
    """How a column of moments is to be read; an empty format means ISO 8601, or a type of the file's own."""

    format: str
    readable: int
    """Rows."""
    first: datetime
    last: datetime
    is_date: bool
    """No row has a time of day."""
    other_format: str = ""
    """Which reads as many rows, and calls the months days."""


def moments_of(column: Delivered, facts: Facts, missing: Iterable[str]) -> Moments | None:
    """How the open column writes moments, or None if it holds something else."""
    missing = tuple(missing)
    if facts.family != "VARCHAR":
        return _read(column, facts, "", missing) if _is_moment(facts.family) else None
    sample = column.texts(missing, _SAMPLE) if facts.numbers < facts.present or _DATED.search(facts.name) else []
    if not _look_like_moments(sample, are_numbers=facts.numbers == facts.present):
        return None
    return _read(column, facts, "", missing) or _read_with_best_format(column, facts, sample, missing)


def _look_like_moments(sample: Sequence[str], *, are_numbers: bool) -> bool:
    if are_numbers and not all(len(text) == len("20260131") for text in sample):
        return False
    return bool(sample) and sum(bool(_LOOKS_LIKE.fullmatch(text)) for text in sample) >= 0.9 * len(sample)


def _read_with_best_format(
    column: Delivered, facts: Facts, sample: Sequence[str], missing: Sequence[str]
) -> Moments | None:
    """Of those that read equally many rows, the one that takes them for the shortest time."""
    found = [_read(column, facts, format, missing) for format in FORMATS if _parses(sample, format)]
    fitting = sorted((moments for moments in found if moments), key=lambda m: (-m.readable, m.last - m.first))
    if not fitting:
        return None
    best = fitting[0]
    swapped = best.format.translate(_SWAPPED)
    is_doubtful = any(rival.format == swapped and rival.readable == best.readable for rival in fitting[1:])
    return replace(best, other_format=swapped if is_doubtful else "")


def clock_of(column: Delivered, missing: Iterable[str]) -> str:
    """The format of the open column if it holds times of day alone, else an empty text."""
    sample = column.texts(missing, _SAMPLE)
    if not sample or not all(_LOOKS_LIKE_CLOCK.fullmatch(text) for text in sample):
        return ""
    return next((clock for clock in CLOCKS if _parses(sample, clock)), "")


def date_format_of(column: Delivered, moments: Moments, missing: Iterable[str]) -> str:
    """The format of the dates of the open column, also where ISO 8601 needs none: a part has to be put together."""
    if moments.format:
        return moments.format
    sample = column.texts(missing, _SAMPLE)
    return next((date for date in DATES if _parses(sample, date)), "")


def _is_moment(family: str) -> bool:
    return family.startswith("TIMESTAMP") or family == "DATE"


def _read(column: Delivered, facts: Facts, format: str, missing: Sequence[str]) -> Moments | None:
    definition = Column(type=ColumnType.TIMESTAMP, format=(format,) if format else ())
    moment = read_column(definition, facts.delivered, "level", Meaning()).value
    readable, first, last, is_date = column.ask(
        "SELECT coalesce(sum(n), 0), min(moment), max(moment), bool_and(moment = date_trunc('day', moment))"
        f" FROM (SELECT n, {moment} AS moment FROM levels WHERE {present(missing)})"
        f" WHERE moment BETWEEN {_FIRST} AND {_LAST}"
    )
    if not readable or readable < READABLE_SHARE * facts.present:
        return None
    return Moments(format, readable, first, last, bool(is_date))


def _parses(texts: Sequence[str], format: str) -> bool:
    """Nine of ten."""
    failures = 0
    for text in texts:
        try:
            datetime.strptime(text, format)
        except ValueError:
            failures += 1
            if failures > len(texts) / 10:
                return False
    return True
