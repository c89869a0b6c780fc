"""Parts of the moment that are worth a feature: those that vary, and that no column says already."""

from collections.abc import Collection
from typing import NamedTuple

import sqlglot
from sqlglot import exp
from sqlglot.errors import ParseError

from everloop.drafting.moment import Moment
from everloop.sql import identifier

ONE_YEAR_DAYS = 365


class _Part(NamedTuple):
    feature: str
    function: str
    said_by: frozenset[str]
    """Columns of these names say it already."""


_PARTS = (
    _Part("hour_of_day", "hour", frozenset({"hour", "hr", "hour_of_day"})),
    _Part("day_of_week", "dayofweek", frozenset({"weekday", "day_of_week", "dayofweek", "dow", "wday"})),
    _Part("month_of_year", "month", frozenset({"month", "mnth", "mon", "month_of_year"})),
)


def calendar_features(moment: Moment, columns: Collection[str]) -> dict[str, str]:
    """Name → SQL. The month only from a year on: in less, it is the order of the rows and nothing else."""
    folded = {name.lower() for name in columns}
    varies = {"hour": moment.hours, "dayofweek": moment.weekdays, "month": moment.months}
    if (moment.last - moment.first).days < ONE_YEAR_DAYS:
        varies["month"] = 1
    return {
        part.feature: f"{part.function}({_as_sql(moment.name)})"
        for part in _PARTS
        if varies[part.function] > 1 and not folded.intersection({part.feature, *part.said_by})
    }


def _as_sql(name: str) -> str:
    """
    >>> print(_as_sql("departure"), _as_sql("when"), _as_sql("Sold at"))
    departure "when" "Sold at"
    """
    try:
        is_plain = sqlglot.parse_one(name, dialect="duckdb") == exp.column(name)
    except ParseError:
        is_plain = False
    return name if is_plain else identifier(name)
