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
LEAST_SERIES_ROWS = 10
"""In BLOCK_MOMENTS successive moments, on average: a measurement has nearly as many values there as there are rows."""
BLOCK_MOMENTS = 100
REGULAR_STEPS = 0.5
"""Of all steps; a period that fewer have is no period."""
LEAST_SEASONS = 3
"""That a series must have seen before it is expected to repeat."""
_DAY, _WEEK, _YEAR = timedelta(days=1), timedelta(days=7), timedelta(days=364)
"""A year of whole weeks, since days of the week differ more than neighbouring weeks."""
_CALENDAR = {"months": range(28, 32), "quarters": range(90, 93), "years": range(365, 367)}
"""Days of those that are not all equally long."""


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
    seconds, share = delivered.ask(
        "SELECT max_by(step, (n, -step)), max(n) / sum(n) FROM (SELECT step, count(*) AS n FROM"
        f" (SELECT epoch(t) - lag(epoch(t)) OVER ({partition}ORDER BY t) AS step FROM ({moments}) WHERE t IS NOT NULL)"
        " WHERE step > 0 GROUP BY step)"
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
    few_first = sorted(columns, key=columns.__getitem__)
    candidates = list(chain(combinations(few_first, 1), combinations(few_first, 2)))
    for names in _apart_in_block(delivered, moment, few_first, candidates):
        keys = ", ".join(map(identifier, names))
        (alone,) = delivered.ask(f"SELECT count(*) FROM (SELECT DISTINCT {moment.sql}, {keys} FROM delivered)")
        if alone >= enough:
            return names
    return None


def _apart_in_block(
    delivered: Delivered, moment: Moment, columns: Sequence[str], candidates: Iterable[tuple[str, ...]]
) -> Iterator[tuple[str, ...]]:
    """Those that may name series, by the rows of successive moments from the middle of the file: these are few."""
    listed = "".join(f", {identifier(name)}" for name in columns)
    delivered.database.execute(
        f"CREATE OR REPLACE TEMP TABLE block AS SELECT * FROM (SELECT CAST({moment.sql} AS TIMESTAMP) AS {_AT}{listed},"
        f" dense_rank() OVER (ORDER BY {_AT}) - {moment.distinct // 2 - BLOCK_MOMENTS // 2} AS {_PLACE} FROM delivered"
        f" WHERE {_AT} IS NOT NULL) WHERE {_PLACE} BETWEEN 0 AND {BLOCK_MOMENTS - 1}"
    )
    rows, moments = delivered.ask(f"SELECT count(*), count(DISTINCT {_AT}) FROM block")


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
