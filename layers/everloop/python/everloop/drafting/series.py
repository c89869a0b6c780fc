"""The series of a forecast: how far apart its rows lie, after what time it repeats, and what tells several apart."""

from collections.abc import Iterator, Mapping
from datetime import timedelta
from itertools import chain, combinations
from typing import NamedTuple

from everloop.contracts.base import format_duration
from everloop.contracts.forecast import Forecast
from everloop.drafting.facts import Delivered
from everloop.drafting.moment import Moment
from everloop.drafting.shown import shown_rows
from everloop.errors import DefinitionError
from everloop.sql import identifier

REGULAR_SHARE = 0.99
"""Of the rows are alone at their moment, or alone in their series."""
LEAST_SEASONS = 3
"""That a series must have seen before it is expected to repeat."""
_DAY, _WEEK, _YEAR = timedelta(days=1), timedelta(days=7), timedelta(days=364)
"""A year of whole weeks, since days of the week differ more than neighbouring weeks."""


class Series(NamedTuple):
    forecast: Forecast
    notes: tuple[str, ...]


def series_of(delivered: Delivered, moment: Moment, columns: Mapping[str, int]) -> Series:
    """`columns` that could tell series apart, and how many different values each has.

    Raises DefinitionError for rows that make no series with a period of whole minutes.
    """
    by = _by(delivered, moment, columns)
    names = ", ".join(map(identifier, by or ()))
    moments = f"SELECT DISTINCT CAST({moment.sql} AS TIMESTAMP) AS t{', ' + names if by else ''} FROM delivered"
    partition = f"PARTITION BY {names} " if by else ""
    (seconds,) = delivered.ask(
        f"SELECT mode(step) FROM (SELECT epoch(t) - lag(epoch(t)) OVER ({partition}ORDER BY t) AS step"
        f" FROM ({moments}) WHERE t IS NOT NULL) WHERE step > 0"
    )
    if seconds is None or seconds % 60:
        found = "one moment alone" if seconds is None else f"{seconds:g} seconds between most of them"
        raise DefinitionError(
            f"{moment.name}: expected rows whole minutes apart, got {found}; gather them by the minute, or learn a"
            " regression"
        )
    period = timedelta(seconds=seconds)
    seasons = _seasons(period, moment.last - moment.first)
    forecast = Forecast(period=period, horizon=seasons[0] if seasons else period, seasons=seasons, by=by or ())
    return Series(forecast, tuple(_notes(delivered, moment, forecast, is_apart=by is not None)))


def _by(delivered: Delivered, moment: Moment, columns: Mapping[str, int]) -> tuple[str, ...] | None:
    """Nothing if each moment has one row; None if several rows of one moment cannot be told apart."""
    enough = REGULAR_SHARE * moment.readable
    if moment.distinct >= enough:
        return ()
    few_first = sorted(columns, key=columns.__getitem__)
    for names in chain(combinations(few_first, 1), combinations(few_first, 2)):
        (alone,) = delivered.ask(
            f"SELECT count(DISTINCT ({moment.sql}, {', '.join(map(identifier, names))})) FROM delivered"
        )
        if alone >= enough:
            return names
    return None


def _seasons(period: timedelta, span: timedelta) -> tuple[timedelta, ...]:
    usual = (_DAY, _WEEK) if period < _DAY else (_WEEK, _YEAR)
    return tuple(
        season for season in usual if season > period and not season % period and span >= LEAST_SEASONS * season
    )


def _notes(delivered: Delivered, moment: Moment, forecast: Forecast, *, is_apart: bool) -> Iterator[str]:
    if not is_apart:
        yield (
            f"{shown_rows(moment.readable)} share {moment.distinct:,} moments, and no column tells them apart:"
            " declare it in forecast.by, or the lags are means of all"
        )
    [lag, *_] = forecast.histories(moment.name).values()
    [feature] = lag.features("lag").values()
    (between,) = delivered.ask(
        f"SELECT count(*) FROM delivered WHERE epoch({moment.sql}) % {feature.step.total_seconds()} <> 0"
    )
    if between > (1 - REGULAR_SHARE) * moment.readable:
        yield (
            f"{shown_rows(between)} lie between the steps of {feature.step.total_seconds():g} seconds in which lags of"
            f" {format_duration(forecast.period)} move on: they may see the value of a period earlier"
        )
