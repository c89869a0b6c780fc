"""Choose the moment of a row: one column of the file, or a date and an hour that have to be put together."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from everloop.contracts.columns import Column, ColumnType
from everloop.drafting.facts import Delivered
from everloop.drafting.survey import Seen
from everloop.drafting.timestamps import READABLE_SHARE
from everloop.reading.types import Meaning, joined_parts, read_column, read_text
from everloop.sql import identifier

NAMES = ("timestamp", "moment", "row_timestamp", "row_moment")
"""For a moment that is put together: the first that no column of the file has."""
MAXIMUM_NULL_SHARE = 0.01
"""Rows without a moment go to quarantine; with more of them a column is no one's clock."""

_HOUR_NAMES = frozenset({"hour", "hr", "hours", "hh", "hour_of_day"})
_DATE_PARTS = (("year", "yr", "yyyy"), ("month", "mnth", "mon", "mm"), ("day", "dom", "dd", "day_of_month"))


@dataclass(frozen=True)
class Moment:
    """Which column says when a row happened, and how it is read."""

    name: str
    column: Column
    distinct: int
    first: datetime
    last: datetime
    hours: int
    weekdays: int
    months: int
    """How many different ones occur."""
    readable: int
    """Rows."""
    sql: str
    """Reads it from the table `delivered`."""
    other_format: str = ""
    rivals: tuple[str, ...] = ()
    """Columns that would do as well: no one but a person knows which of them is when the row happened."""


def moment_of(delivered: Delivered, seen: Mapping[str, Seen], target: str) -> Moment | None:
    """The one with the most different values; what the file says itself wins over what is put together."""
    candidates = {name: looked for name, looked in seen.items() if name != target}
    single = list(_single(delivered, candidates))
    joined = list(_joined(delivered, candidates, seen))
    parts = [] if single else list(_parts_of_dates(delivered, candidates, seen))
    found = [moment for moment in (*single, *joined, *parts) if moment]
    chosen = max(found, key=lambda moment: moment.distinct, default=None)
    if chosen is None:
        return None
    # Whatever else could be put together has a date that is among the single ones.
    taken = {chosen.name, *chosen.column.parts}
    return replace(chosen, rivals=tuple(moment.name for moment in single if moment and moment.name not in taken))


def _single(delivered: Delivered, seen: Mapping[str, Seen]) -> Iterator[Moment | None]:
    for name, looked in seen.items():
        if looked.moments and looked.facts.null_share <= MAXIMUM_NULL_SHARE:
            column = Column(type=ColumnType.TIMESTAMP, format=looked.moments.format or ())
            yield _moment(delivered, name, column, looked)


def _joined(delivered: Delivered, seen: Mapping[str, Seen], taken: Mapping[str, Seen]) -> Iterator[Moment | None]:
    for day, date in seen.items():
        if not date.date_format or not date.facts.is_whole:
            continue
        for name, looked in seen.items():
            clock = looked.clock or ("%H" if _is_hour(name, looked) else "")
            if clock and looked.facts.is_whole:
                yield _together(delivered, taken, (day, name), f"{date.date_format} {clock}")


def _parts_of_dates(
    delivered: Delivered, seen: Mapping[str, Seen], taken: Mapping[str, Seen]
) -> Iterator[Moment | None]:
    folded = {name.lower(): name for name, looked in seen.items() if looked.facts.is_whole}
    parts = [next((folded[name] for name in names if name in folded), None) for names in _DATE_PARTS]
    if any(part is None or seen[part].type is not ColumnType.INTEGER for part in parts):
        return
    names, format = [str(part) for part in parts], "%Y %m %d"
    hours = [name for name, looked in seen.items() if looked.facts.is_whole and _is_hour(name, looked)]
    if hours:
        names, format = [*names, hours[0]], f"{format} %H"
    yield _together(delivered, taken, tuple(names), format)


def _is_hour(name: str, looked: Seen) -> bool:
    facts = looked.facts
    if looked.type is not ColumnType.INTEGER or facts.minimum is None or facts.maximum is None:
        return False
    return name.lower() in _HOUR_NAMES and facts.minimum >= 0 and 0 < facts.maximum <= 23


def _together(delivered: Delivered, taken: Mapping[str, Seen], parts: tuple[str, ...], format: str) -> Moment | None:
    folded = {name.lower() for name in taken}
    name = next((free for free in NAMES if free not in folded), None)
    if name is None:
        return None
    column = Column(type=ColumnType.TIMESTAMP, format=(format,), parts=parts)
    return _described(delivered, name, column, read_text(column, joined_parts(parts), Meaning()).value)


def _moment(delivered: Delivered, name: str, column: Column, looked: Seen) -> Moment | None:
    sql = read_column(column, delivered.types[name], identifier(name), Meaning()).value
    other = looked.moments.other_format if looked.moments else ""
    return _described(delivered, name, column, sql, other)


def _described(delivered: Delivered, name: str, column: Column, sql: str, other: str = "") -> Moment | None:
    readable, distinct, first, last, hours, weekdays, months = delivered.ask(
        f"SELECT count(t), count(DISTINCT t), min(t), max(t), count(DISTINCT hour(t)), count(DISTINCT dayofweek(t)),"
        f" count(DISTINCT month(t)) FROM (SELECT CAST({sql} AS TIMESTAMP) AS t FROM delivered)"
    )
    if not readable or readable < READABLE_SHARE * (1 - MAXIMUM_NULL_SHARE) * delivered.rows:
        return None
    return Moment(name, column, distinct, first, last, hours, weekdays, months, readable, sql, other)
