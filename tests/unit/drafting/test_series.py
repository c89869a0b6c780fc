"""A forecast that is drafted: its period, its seasons, and the columns that tell series apart."""

import random
import time
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import pytest

from everloop.contracts.base import format_duration
from everloop.contracts.definition import parse_definition
from everloop.contracts.tasks import Task
from everloop.drafting.drafted import Role
from everloop.errors import DefinitionError
from tests.unit.drafting.conftest import Drafting, Written, noise

FIRST = datetime(2024, 1, 1)


def moments(count: int, **step: float) -> list[str]:
    return [(FIRST + timedelta(**step) * n).isoformat(" ") for n in range(count)]


def forecast(drafting: Drafting, columns: dict[str, Sequence[Any]]) -> Written:
    return drafting(columns, task=Task.FORECASTING)


@pytest.mark.parametrize(
    ("count", "step", "expected"),
    [
        (24 * 40, {"hours": 1}, ("1 hour", "1 day", ["1 day", "1 week"])),
        (24 * 10, {"hours": 1}, ("1 hour", "1 day", ["1 day"])),
        (4 * 24 * 30, {"minutes": 15}, ("15 minutes", "1 day", ["1 day", "1 week"])),
        (365 * 4, {"days": 1}, ("1 day", "1 week", ["1 week", "52 weeks"])),
        (365, {"days": 1}, ("1 day", "1 week", ["1 week"])),
        (60 * 3, {"weeks": 1}, ("1 week", "52 weeks", ["52 weeks"])),
        (200, {"hours": 5}, ("5 hours", "5 hours", [])),
    ],
)
def test_period_and_seasons_follow_from_the_moments(
    drafting: Drafting, count: int, step: dict[str, float], expected: tuple[str, str, list[str]]
) -> None:
    """Period, horizon and seasons."""
    found = forecast(drafting, {"at": moments(count, **step), "y": noise(count)}).definition
    assert found.task is Task.FORECASTING
    assert found.forecast is not None
    period, horizon, seasons = found.forecast.period, found.forecast.horizon, found.forecast.seasons
    assert (format_duration(period), format_duration(horizon), list(map(format_duration, seasons))) == expected
    assert found.forecast.by == ()


def test_the_most_frequent_step_is_the_period_where_moments_are_missing(drafting: Drafting) -> None:
    at = [moment for n, moment in enumerate(moments(24 * 30, hours=1)) if n % 5]
    found = forecast(drafting, {"at": at}).definition.forecast
    assert found is not None
    assert found.period == timedelta(hours=1)


def test_columns_that_tell_rows_of_one_moment_apart_make_series(drafting: Drafting) -> None:
    at = [moment for moment in moments(24 * 30, hours=1) for _ in range(6)]
    shops, goods = ["east", "west"] * 3, ["bread", "bread", "milk", "milk", "tea", "tea"]
    weather = ["dry", "wet", "dry", "wet", "wet", "dry", "dry"]
    found = forecast(drafting, {"at": at, "weather": weather, "shop": shops, "goods": goods}).definition
    assert found.forecast is not None
    assert (found.forecast.by, found.forecast.period) == (("shop", "goods"), timedelta(hours=1))
    assert found.histories["lag_1d"].by == ("shop", "goods")


def test_rows_that_cannot_be_told_apart_are_told(drafting: Drafting) -> None:
    at = [moment for moment in moments(500, hours=1) for _ in range(2)]
    found = forecast(drafting, {"at": at, "size": noise(1_000, seed=2)})
    assert found.definition.forecast is not None
    assert any("1,000 rows share 500 moments, and no column tells them apart" in note for note in found.draft.notes)


@pytest.mark.parametrize("rows_of_a_value", [4, 20])
def test_a_measurement_is_no_name_of_a_series(drafting: Drafting, rows_of_a_value: int) -> None:
    at = [moment for moment in moments(1_000, hours=1) for _ in range(2)]
    visitors = [int(visits * 20 / rows_of_a_value) for visits in noise(2_000, seed=4)]
    found = forecast(drafting, {"at": at, "visitors": visitors}).definition.forecast
    assert found is not None
    assert (found.by, found.period) == ((), timedelta(hours=1))
    shops = forecast(drafting, {"at": at, "visitors": visitors, "shop": ["east", "west"]}).definition.forecast
    assert shops is not None
    assert shops.by == ("shop",)


@pytest.mark.parametrize(("days", "by"), [(9, ()), (10, ("shop",))])
def test_fewer_than_ten_rows_make_no_series(drafting: Drafting, days: int, by: tuple[str, ...]) -> None:
    at = [moment for moment in moments(days, days=1) for _ in range(6)]
    found = forecast(drafting, {"at": at, "shop": list("abcdef")}).definition.forecast
    assert found is not None
    assert found.by == by


def test_series_with_many_gaps_are_found_and_told(drafting: Drafting) -> None:
    days = moments(400, days=1)
    sold = [(n // 40, f"a{n % 40}") for n, chance in enumerate(noise(40 * 400, seed=3)) if chance < 30]
    columns = {"at": [days[day] for day, _ in sold], "article": [article for _, article in sold]}
    found = forecast(drafting, columns)
    assert found.definition.forecast is not None
    assert (found.definition.forecast.by, found.definition.forecast.period) == (("article",), timedelta(days=1))
    assert any("% of the steps are 1 day, the most frequent one" in note for note in found.draft.notes)


@pytest.mark.parametrize(("months", "names"), [(1, "months"), (3, "quarters"), (12, "years")])
def test_months_and_years_are_no_durations(drafting: Drafting, months: int, names: str) -> None:
    at = [f"{1950 + n * months // 12}-{n * months % 12 + 1:02}-01" for n in range(70)]
    [note, *_] = forecast(drafting, {"at": at, "y": noise(70)}).draft.notes
    assert note.startswith(f"its steps are {names}, it seems, which are no durations")


def test_a_column_with_the_name_of_a_lag_is_left_out(drafting: Drafting) -> None:
    found = forecast(drafting, {"at": moments(24 * 30, hours=1), "Lag_1d": noise(720, seed=2)})
    assert found.role("Lag_1d") is Role.LEFT_OUT
    assert found.why("Lag_1d") == "[forecast] gives a history of this name; rename it to keep it"
    assert not any("Lag_1d" in note for note in found.draft.notes)


def test_many_columns_are_soon_asked_for_series(drafting: Drafting) -> None:
    chance = random.Random(8)
    at = [moment for moment in moments(25_000, hours=1) for _ in range(2)]
    columns = {f"c{n}": [chance.randrange(4) for _ in at] for n in range(40)}
    started = time.process_time()
    found = forecast(drafting, {"at": at, **columns}).definition.forecast
    assert time.process_time() - started < 10
    assert found is not None
    assert found.by == ()


def test_what_a_request_will_have_to_carry_is_told(drafting: Drafting) -> None:
    found = forecast(drafting, {"at": moments(24 * 30, hours=1), "rain": noise(720, seed=2)})
    assert "a request that asks 1 day ahead carries rain: leave out what nobody knows by then" in found.draft.notes
    assert 'period = "1 hour"' in found.toml


def test_moments_between_the_steps_of_a_lag_are_told(drafting: Drafting) -> None:
    at = [(FIRST + timedelta(days=n, hours=12, minutes=5)).isoformat(" ") for n in range(300)]
    [note] = forecast(drafting, {"at": at, "y": noise(300)}).draft.notes
    assert note.startswith("300 rows lie between the steps of 600 seconds in which lags of 1 day move on")


@pytest.mark.parametrize(
    ("columns", "says"),
    [
        ({"a": ["x", "y"]}, "a forecast needs a column that says when a row happened, and the file has none"),
        ({"at": moments(100, seconds=30)}, "at: expected rows whole minutes apart, got 30 seconds between most"),
    ],
)
def test_what_is_no_series_is_refused(drafting: Drafting, columns: dict[str, Sequence[Any]], says: str) -> None:
    with pytest.raises(DefinitionError, match=says):
        forecast(drafting, columns | {"y": noise(100)})


def test_a_target_that_is_no_number_is_refused(drafting: Drafting) -> None:
    with pytest.raises(DefinitionError, match="expected different numbers"):
        forecast(drafting, {"at": moments(100, hours=1), "y": ["a", "b"]})


def test_that_a_corrected_value_replaces_the_old_one_is_offered(drafting: Drafting) -> None:
    at = [moment for moment in moments(24 * 30, hours=1) for _ in range(2)]
    written = forecast(drafting, {"at": at, "station": ["north", "south"] * (len(at) // 2), "y": noise(len(at))})
    offered = '# row_id = ["at", "station"]'
    assert offered in written.toml
    taken = parse_definition(written.toml.replace(offered, offered.removeprefix("# ")), source="drafted.toml")
    assert list(taken.inputs)[:2] == ["at", "station"]
