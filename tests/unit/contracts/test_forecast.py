"""[forecast]: what is derived from it, and what is refused."""

from datetime import timedelta
from typing import Any

import pytest

from everloop.contracts.definition import Definition, parse_definition
from everloop.contracts.forecast import Forecast
from everloop.contracts.tasks import Task
from everloop.errors import DefinitionError
from tests.samples import example

TOML = """
name = "rentals"
task = "forecasting"
data = { target = "bikes hired", timestamp = "moment"DATA }
columns = { "bikes hired" = "integer", moment = "timestamp", station = "category", rain = "number" }
"""
HOURLY = '[forecast]\nperiod = "1 hour"\nhorizon = "1 day"\nseasons = ["1 day", "7 days"]\n'


def define(rest: str = HOURLY, *, data: str = "", task: str = "forecasting") -> Definition:
    head = TOML.replace("DATA", data and f", {data}").replace('"forecasting"', f'"{task}"')
    return parse_definition(head + rest, source="rentals.toml")


def test_it_looks_back_at_the_newest_value_known_and_at_each_season() -> None:
    derived = define(HOURLY + 'by = "station"\n').histories
    assert list(derived) == ["lag_1d", "lag_2d", "lag_3d", "lag_7d", "lag_14d", "lag_21d", "mean_1d", "mean_7d"]
    assert {history.by for history in derived.values()} == {("station",)}
    assert {history.value for history in derived.values()} == {'mean("bikes hired")'}
    assert (derived["lag_7d"].over, derived["lag_7d"].delay) == ((timedelta(hours=1),), timedelta(days=7))
    assert (derived["mean_7d"].over, derived["mean_7d"].delay) == ((timedelta(days=7),), timedelta(days=1))


@pytest.mark.parametrize(
    ("period", "horizon", "seasons", "naive", "lags"),
    [
        ("1 day", "10 days", ["7 days"], ["10d", "14d"], ["10d", "14d", "21d", "28d"]),
        ("1 hour", "2 hours", ["1 day"], ["2h", "1d"], ["2h", "1d", "2d", "3d"]),
        ("15 minutes", "90 minutes", [], ["90m"], ["90m", "105m", "2h"]),
        ("1 hour", "36 hours", ["1 day", "7 days"], ["36h", "2d", "7d"], ["36h", "2d", "3d", "4d", "7d", "14d", "21d"]),
    ],
)
def test_no_lag_is_shorter_than_the_horizon(
    period: str, horizon: str, seasons: list[str], naive: list[str], lags: list[str]
) -> None:
    forecast = Forecast.model_validate({"period": period, "horizon": horizon, "seasons": seasons})
    derived = forecast.histories("y")
    assert [name.removeprefix("lag_") for name in derived if name.startswith("lag_")] == lags
    assert forecast.naive == tuple(f"lag_{lag}" for lag in naive)
    assert min(history.delay or timedelta(0) for history in derived.values()) == forecast.horizon


def test_a_definition_that_was_written_down_is_read_as_itself() -> None:
    definition = define(HOURLY + '[history]\nwet = { value = "mean(rain)", over = "1 day", delay = "1 day" }\n')
    again = Definition.model_validate_json(definition.model_dump_json())
    assert (again, again.hash, again.history_digests) == (definition, definition.hash, definition.history_digests)
    assert list(again.history) == ["wet"]
    assert {"wet", "lag_7d"} <= again.served_columns.keys()


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"horizon": "90 minutes"}, "horizon: expected a multiple of the period of 1 hour, got 90 minutes"),
        (
            {"seasons": ["1 day", "100 minutes"]},
            "seasons: expected a multiple of the period of 1 hour, got 100 minutes",
        ),
        ({"seasons": "1 hour"}, "seasons: expected more than the period of 1 hour"),
        ({"seasons": ["1 day", "24 hours"]}, "seasons: each once"),
        ({"seasons": ["1 day", "2 days", "3 days", "4 days"]}, "at most 3 items"),
        ({"by": ["a", "a"]}, "by: each column once"),
        ({"saisons": "1 day"}, "did you mean 'seasons'?"),
    ],
)
def test_what_makes_no_series_is_refused(changes: dict[str, Any], says: str) -> None:
    with pytest.raises(ValueError, match=says.replace("?", r"\?")):
        Forecast.model_validate({"period": "1 hour", "horizon": "1 day", **changes})


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"rest": ""}, "task forecasting: expected [forecast], with the period of the series"),
        ({"task": "regression"}, "task regression: expected [forecast], with the period of the series"),
        ({"rest": HOURLY + 'by = "rain"'}, "forecast.by: expected a boolean, category, integer, text column, 'rain'"),
        ({"rest": HOURLY + 'by = "shop"'}, "forecast.by names 'shop', which is no column that requests carry"),
        (
            {"rest": HOURLY + '[training]\nholdout = { by = "random" }'},
            "training.holdout.by: a forecast is judged on the newest rows; expected 'time', got 'random'",
        ),
        (
            {"rest": HOURLY + '[history]\nwet = { value = "mean(rain)", over = "1 day", delay = "23 hours" }'},
            "history.wet: expected a delay of at least 1 day, the forecast's horizon: nothing newer is known",
        ),
        (
            {"rest": HOURLY + '[history]\nlag_7d = { value = "count()", over = "1 day", delay = "1 day" }'},
            "history.lag_7d has a name that [forecast] gives; choose another name",
        ),
        (
            {"rest": 'features = { Lag_7d = "rain" }\n' + HOURLY},
            "[forecast] gives the history 'lag_7d', which is the name of a column or a feature too; rename that one",
        ),
    ],
)
def test_what_could_not_be_forecast_is_refused(wrong: dict[str, str], says: str) -> None:
    with pytest.raises(DefinitionError) as caught:
        define(**wrong)
    assert says in str(caught.value)


def test_a_forecast_without_a_timestamp_is_refused() -> None:
    with pytest.raises(ValueError, match=r"\[forecast\] needs data.timestamp"):
        example(Task.FORECASTING, data={"target": "y"})


def test_what_a_forecast_is_asked_by_is_carried_though_it_is_the_row_id() -> None:
    """So that a value that is delivered again, corrected, takes the place of the old one."""
    definition = define(data='row_id = ["moment"]')
    assert "moment" in definition.inputs
    assert not definition.inputs["moment"].nullable, "there is nothing to forecast without a moment"
