"""The demo's flights are what the shipped model declares, and a request holds nothing that is not known yet."""

import json
from pathlib import Path

import pandas
import pytest

from everloop.contracts.definition import Definition, parse_definition
from everloop.inference.rows import to_columns
from local.demo.flights import load_month, write_month
from local.demo.story import MODEL, _request_rows
from local.project import SOURCE_ROOT


@pytest.fixture(scope="module")
def definition() -> Definition:
    return parse_definition((SOURCE_ROOT / "models" / f"{MODEL}.toml").read_text("utf-8"), source=f"{MODEL}.toml")


@pytest.fixture(scope="module")
def january() -> pandas.DataFrame:
    return load_month(1)


def test_a_month_has_its_own_flights_in_the_order_of_departure(january: pandas.DataFrame) -> None:
    departures = january["scheduled_departure"]
    assert departures.is_monotonic_increasing
    assert set(departures.dt.strftime("%Y-%m")) == {"2013-01"}
    assert january["flight_id"].is_unique
    assert set(january["late"]) == {0, 1}


def test_the_rows_are_those_of_the_definition(january: pandas.DataFrame, definition: Definition) -> None:
    assert set(january.columns) == set(definition.columns)


@pytest.mark.parametrize("month", [0, 13])
def test_there_are_twelve_months(month: int) -> None:
    with pytest.raises(ValueError, match=f"expected 1 to 12, got {month}"):
        load_month(month)


def test_a_file_has_empty_cells_and_utc_times(tmp_path: Path, january: pandas.DataFrame) -> None:
    header, first, *rest = write_month(1, tmp_path / "january.csv").read_text("utf-8").splitlines()
    assert header.split(",") == list(january.columns)
    assert len(rest) == len(january) - 1
    cells = dict(zip(header.split(","), first.split(","), strict=True))
    assert cells["scheduled_departure"].endswith("Z")
    assert january["wind_gust"].isna().any()
    assert "nan" not in "".join([first, *rest]).lower()


def test_a_request_tells_neither_the_target_nor_the_row_id(january: pandas.DataFrame, definition: Definition) -> None:
    rows = _request_rows(january.head(50))
    assert all(row.keys() == definition.inputs.keys() for row in rows)


def test_a_request_writes_null_for_what_is_missing(january: pandas.DataFrame) -> None:
    flights = january[january["wind_gust"].isna()].head(20)
    rows = _request_rows(flights)
    assert {row["wind_gust"] for row in rows} == {None}
    json.dumps(rows, allow_nan=False)


def test_a_request_is_accepted_by_the_model(january: pandas.DataFrame, definition: Definition) -> None:
    flights = january.sample(1_000, random_state=7)
    columns = to_columns(_request_rows(flights), definition)
    assert columns["distance"][:, 0].tolist() == flights["distance"].tolist()
    assert columns["scheduled_departure"][0, 0] == flights["scheduled_departure"].iloc[0].timestamp()
