"""What a forecast looks back at, against a list of values: the one a lag earlier, and none within the horizon."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pytest

from everloop.contracts.base import parse_duration
from everloop.contracts.definition import Definition
from tests.fakes import FixedClock
from tests.histories import HistoryWorld

FIRST = datetime(2026, 1, 1, tzinfo=UTC)
STATIONS = ("north", "süd")
PERIODS = 24 * 30
SERIES = {
    "1 hour": ("1 day", ["1 day", "7 days"]),
    "1 day": ("3 days", ["7 days"]),
    "15 minutes": ("1 hour", ["1 day"]),
}


def hires(period: str, **changes: Any) -> Definition:
    horizon, seasons = SERIES[period]
    return Definition.model_validate(
        {
            "name": "hires",
            "task": "forecasting",
            "data": {"target": "bikes", "timestamp": "moment"},
            "columns": {"moment": "timestamp", "station": "category", "bikes": "number"},
            "forecast": {"period": period, "horizon": horizon, "seasons": seasons, "by": "station"},
            **changes,
        }
    )


def values(first: datetime, step: timedelta, *, seed: int = 0) -> dict[tuple[str, datetime], float]:
    """Of both stations; one hour in fifty is missing."""
    rng = np.random.default_rng(seed)
    made = {(station, first + step * n): float(rng.normal()) for n in range(PERIODS) for station in STATIONS}
    return {place: value for place, value in made.items() if rng.random() > 0.02}


def world_of(definition: Definition, series: dict[tuple[str, datetime], float], folder: Path) -> HistoryWorld:
    newest = max(at for _, at in series)
    world = HistoryWorld(definition, folder, FixedClock(newest + timedelta(minutes=1)))
    with duckdb.connect() as connection:
        connection.execute("CREATE TABLE series (moment TIMESTAMP, station VARCHAR, bikes DOUBLE)")
        rows = [(at.replace(tzinfo=None), station, value) for (station, at), value in series.items()]
        connection.executemany("INSERT INTO series VALUES (?, ?, ?)", rows)
        world.arrive("FROM series ORDER BY moment, station", connection)
    return world


def expected(
    definition: Definition, series: dict[tuple[str, datetime], float], station: str, at: datetime
) -> dict[str, float]:
    """By going through the values one by one; NaN where there is none. A mean moves on in steps."""
    assert definition.forecast
    period, newest = definition.forecast.period, at - definition.forecast.horizon
    found = {}
    for name, feature in definition.history_features.items():
        kind, length = name.split("_")
        unit = {"d": "days", "h": "hours", "m": "minutes"}[length[-1]]
        back = parse_duration(f"{length[:-1]} {unit}")
        end = newest - (newest - FIRST) % feature.step
        window = [FIRST + period * n for n in range(PERIODS) if end - back < FIRST + period * n <= end]
        moments = [at - back] if kind == "lag" else window
        known = [series[station, moment] for moment in moments if (station, moment) in series]
        found[name] = float(np.mean(known)) if known else float("nan")
    return found


@pytest.mark.parametrize("period", SERIES)
def test_a_training_row_sees_the_value_one_lag_earlier(period: str, tmp_path: Path) -> None:
    definition = hires(period)
    series = values(FIRST, parse_duration(period))
    columns = world_of(definition, series, tmp_path).trained()
    assert len(columns["moment"]) == len(series)
    for row in range(0, len(series), 7):
        moment = columns["moment"][row].astype("datetime64[us]").item().replace(tzinfo=UTC)
        for name, value in expected(definition, series, columns["station"][row], moment).items():
            got = np.ma.filled(columns[name][row : row + 1], np.nan)[0]
            assert got == pytest.approx(value, nan_ok=True), (name, moment)


@pytest.mark.parametrize("period", SERIES)
def test_a_row_of_the_future_sees_it_up_to_the_horizon_and_null_beyond(period: str, tmp_path: Path) -> None:
    definition = hires(period)
    assert definition.forecast
    step, horizon = parse_duration(period), definition.forecast.horizon
    series = values(FIRST, step)
    world = world_of(definition, series, tmp_path)
    newest = max(at for station, at in series if station == "süd")
    ahead = [newest + step * n for n in range(1, horizon // step + 3)]
    found = world.served([{"moment": at.isoformat(), "station": "süd"} for at in ahead])
    assert not found.failures
    for row, at in enumerate(ahead):
        for name, value in expected(definition, series, "süd", at).items():
            assert found.columns[name][row, 0] == pytest.approx(value, nan_ok=True), (name, at)
    last = definition.forecast.naive[0]
    assert np.isnan(found.columns[last][-2:, 0]).all(), "beyond the horizon the newest value is not known"
    assert not np.isnan(found.columns[last][horizon // step - 1, 0]), "the value is that of the newest row"


def test_nothing_within_the_horizon_is_seen(tmp_path: Path) -> None:
    definition = hires("1 hour")
    assert definition.forecast
    series = values(FIRST, timedelta(hours=1))
    asked = FIRST + timedelta(days=25)
    since = asked - definition.forecast.horizon
    other = {place: value + 1_000 * (place[1] > since) for place, value in series.items()}
    seen = []
    for number, each in enumerate((series, other)):
        folder = tmp_path / str(number)
        folder.mkdir()
        columns = world_of(definition, each, folder).trained()
        rows = np.flatnonzero(columns["moment"] <= np.datetime64(asked.replace(tzinfo=None)))
        seen.append({name: np.ma.filled(columns[name][rows], np.nan) for name in definition.history_features})
    for name in definition.history_features:
        np.testing.assert_array_equal(seen[0][name], seen[1][name], err_msg=name)


def test_the_same_events_give_the_same_bits(tmp_path: Path) -> None:
    """Or a model trained again would not have the same bytes."""
    definition, seen = hires("1 hour"), []
    for number in range(4):
        folder = tmp_path / str(number)
        folder.mkdir()
        columns = world_of(definition, values(FIRST, timedelta(hours=1)), folder).trained()
        seen.append({name: np.ma.filled(columns[name], np.nan).tobytes() for name in definition.history_features})
    assert all(each == seen[0] for each in seen)
