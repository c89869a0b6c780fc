"""The series of a forecast: how far apart its rows lie, after what time it repeats, and what tells several apart."""

from collections.abc import Iterable, Iterator, Mapping
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
LEAST_SERIES_ROWS = 10
"""On average."""
BLOCK_ROWS, LEAST_BLOCK_MOMENTS = 5_000, 20
LEAST_PRESENCE = 0.1
"""Of the moments of the block a series has a row, on average. What is measured seldom comes again so soon."""
BLOCK_SHARE = 0.98
"""As REGULAR_SHARE, of fewer rows."""
REGULAR_STEPS = 0.5
"""Of all steps; a period that fewer have is no period."""
LEAST_SEASONS = 3
"""That a series must have seen before it is expected to repeat."""
_DAY, _WEEK, _YEAR = timedelta(days=1), timedelta(days=7), timedelta(days=364)
"""A year of whole weeks, since days of the week differ more than neighbouring weeks."""
_CALENDAR = {31: "months", 92: "quarters", 365: "years"}
"""By the days that most of them have."""
_AT = '"everloop at"'


class Series(NamedTuple):
    forecast: Forecast
    notes: tuple[str, ...]


def series_of(delivered: Delivered, moment: Moment, columns: Mapping[str, int]) -> Series:
    """`columns` that could tell series apart, and how many different values each has.

    Raises DefinitionError for rows that make no series with a period of whole minutes.
    """
    by = _by(delivered, moment, columns)
    names = ", ".join(map(identifier, by or ()))
    moments = f"SELECT DISTINCT CAST({moment.sql} AS TIMESTAMP) AS {_AT}{', ' + names if by else ''} FROM delivered"
    partition = f"PARTITION BY {names} " if by else ""
    seconds, share = delivered.ask(
        "SELECT max_by(step, (n, -step)), max(n) / sum(n) FROM (SELECT step, count(*) AS n FROM"
        f" (SELECT epoch({_AT}) - lag(epoch({_AT})) OVER ({partition}ORDER BY {_AT}) AS step FROM ({moments})"
        f" WHERE {_AT} IS NOT NULL) WHERE step > 0 GROUP BY step)"
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
    notes = (*_irregular(period, share), *_notes(delivered, moment, forecast, is_apart=by is not None))
    return Series(forecast, notes)


def _by(delivered: Delivered, moment: Moment, columns: Mapping[str, int]) -> tuple[str, ...] | None:
    """Nothing if each moment has one row; None if several rows of one moment cannot be told apart."""
    enough = REGULAR_SHARE * moment.readable
    if moment.distinct >= enough:
        return ()
    few = {name: distinct for name, distinct in columns.items() if distinct * LEAST_SERIES_ROWS <= moment.readable}
    few_first = sorted(few, key=few.__getitem__)
    for names in _apart_in_block(delivered, moment, chain(combinations(few_first, 1), combinations(few_first, 2))):
        keys = ", ".join(map(identifier, names))
        alone, series = delivered.ask(
            f"SELECT (SELECT count(*) FROM (SELECT DISTINCT {moment.sql}, {keys} FROM delivered)),"
            f" (SELECT count(*) FROM (SELECT DISTINCT {keys} FROM delivered))"
        )
        if alone >= enough and series * LEAST_SERIES_ROWS <= moment.readable:
            return names
    return None


def _apart_in_block(
    delivered: Delivered, moment: Moment, candidates: Iterable[tuple[str, ...]]
) -> Iterator[tuple[str, ...]]:
    """Those that may name series, by the rows of successive moments in the middle of the file: soon told of many."""
    moments = max(BLOCK_ROWS * moment.distinct // moment.readable, LEAST_BLOCK_MOMENTS)
    delivered.database.execute(
        f"CREATE OR REPLACE TEMP TABLE block AS WITH timed AS (SELECT *, {moment.sql} AS {_AT} FROM delivered)"
        f" SELECT * FROM timed WHERE {_AT} IN (SELECT DISTINCT {_AT} FROM timed WHERE {_AT} IS NOT NULL ORDER BY 1"
        f" LIMIT {moments} OFFSET {max(moment.distinct - moments, 0) // 2})"
    )
    rows, moments = delivered.ask(f"SELECT count(*), count(DISTINCT {_AT}) FROM block")
    for names in candidates:
        keys = ", ".join(map(identifier, names))
        (series,) = delivered.ask(f"SELECT count(*) FROM (SELECT DISTINCT {keys} FROM block)")
        if not LEAST_PRESENCE * series * moments <= rows <= series * moments / BLOCK_SHARE:
            continue
        (alone,) = delivered.ask(f"SELECT count(*) FROM (SELECT DISTINCT {_AT}, {keys} FROM block)")
        if alone >= BLOCK_SHARE * rows:
            yield names


def _seasons(period: timedelta, span: timedelta) -> tuple[timedelta, ...]:
    usual = (_DAY, _WEEK) if period < _DAY else (_WEEK, _YEAR)
    return tuple(
        season for season in usual if season > period and not season % period and span >= LEAST_SEASONS * season
    )


def _irregular(period: timedelta, share: float) -> Iterator[str]:
    calendar = _CALENDAR.get(period.days)
    if calendar:
        yield (
            f"its steps are {calendar}, it seems, which are no durations: lags of {format_duration(period)} may miss"
            " one and see another twice; bring rows of equal steps, such as weeks, or learn a regression from lags that"
            " the file holds itself"
        )
    elif share < REGULAR_STEPS:
        yield (
            f"only {share:.1%} of the steps are {format_duration(period)}, the most frequent one: most lags will be"
            " null, or of another moment; gather the rows by a fixed time, or learn a regression"
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
