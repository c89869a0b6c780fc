"""ingest_upload on its sample events."""

import hashlib
import json
from collections.abc import Iterator

import pytest

from functions.ingestion import ingest_upload
from tests.integration.conftest import Cloud, sample

CSV = b"UDI,Type,Air temperature [K],Machine failure\n1,M,298.1,0\n2,L,298.2,1\n"
BATCH_ID = hashlib.sha256(CSV).hexdigest()[:16]
MARCH = "uploads/machine-failure/march.csv"


@pytest.fixture(autouse=True)
def _fresh_worker() -> Iterator[None]:
    ingest_upload.ingestion.cache_clear()
    yield
    ingest_upload.ingestion.cache_clear()


def test_an_upload_is_staged(cloud: Cloud) -> None:
    cloud.s3.put_bucket_versioning(Bucket=cloud.landing, VersioningConfiguration={"Status": "Enabled"})
    version = cloud.s3.put_object(Bucket=cloud.landing, Key=MARCH, Body=CSV)["VersionId"]
    cloud.put(cloud.landing, MARCH, b"another version, uploaded meanwhile")
    event = sample("ingestion/upload.json")
    event["Records"][0]["body"] = event["Records"][0]["body"].replace("096fKKXTRTtl3on89fVO.nfljtsv6qko", version)
    assert ingest_upload.lambda_handler(event, None) == {"batchItemFailures": []}
    assert cloud.lake_keys() == [f"staged/machine-failure/{BATCH_ID}.{suffix}" for suffix in ("json", "rows")]
    staged = json.loads(cloud.get(f"staged/machine-failure/{BATCH_ID}.json"))
    assert staged["source"]["version_id"] == version
    assert staged["received_at"] == "2026-03-14T09:26:53.589000Z"


def test_a_key_with_spaces_and_plus_is_found(cloud: Cloud) -> None:
    cloud.put(cloud.landing, "uploads/machine-failure/line 3/march + april (1) über.csv", CSV)
    event = sample("ingestion/upload_with_spaces_and_plus.json")
    assert ingest_upload.lambda_handler(event, None) == {"batchItemFailures": []}
    assert len(cloud.lake_keys()) == 2


def test_a_faulty_file_is_reported_and_its_message_is_done(cloud: Cloud) -> None:
    cloud.put(cloud.landing, MARCH, CSV.replace(b"UDI", b"Type"))
    event = sample("ingestion/several_messages.json")
    event["Records"] = event["Records"][:1]
    for _ in range(2):
        assert ingest_upload.lambda_handler(event, None) == {"batchItemFailures": []}
    [key] = cloud.lake_keys()
    assert json.loads(cloud.get(key))["reason"] == "duplicate_columns"
    [told] = cloud.received_events()
    assert (told["type"], told["subject"], told["data"]["key"]) == ("batch.rejected", "machine-failure", key)


def test_only_the_message_that_failed_is_delivered_again(cloud: Cloud) -> None:
    cloud.put(cloud.landing, MARCH, CSV)
    event = sample("ingestion/several_messages.json")
    event["Records"][1]["body"] = "no notification"
    failed = event["Records"][1]["messageId"]
    assert ingest_upload.lambda_handler(event, None) == {"batchItemFailures": [{"itemIdentifier": failed}]}
    assert len(cloud.lake_keys()) == 2


def test_an_upload_that_was_deleted_meanwhile_is_reported_and_its_message_is_done(cloud: Cloud) -> None:
    event = sample("ingestion/several_messages.json")
    event["Records"] = event["Records"][:1]
    for _ in range(2):
        assert ingest_upload.lambda_handler(event, None) == {"batchItemFailures": []}
    [key] = cloud.lake_keys()
    assert json.loads(cloud.get(key))["reason"] == "object_gone"
    assert len(cloud.received_events()) == 1


def test_the_limits_are_settings(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EVERLOOP_MAXIMUM_COLUMNS", "3")
    cloud.put(cloud.landing, MARCH, CSV)
    event = sample("ingestion/several_messages.json")
    event["Records"] = event["Records"][:1]
    assert ingest_upload.lambda_handler(event, None) == {"batchItemFailures": []}
    [key] = cloud.lake_keys()
    assert json.loads(cloud.get(key))["reason"] == "too_many_columns"


def test_the_test_event_of_s3_is_ignored(cloud: Cloud) -> None:
    assert ingest_upload.lambda_handler(sample("ingestion/test_event.json"), None) == {"batchItemFailures": []}
    assert cloud.lake_keys() == []


def test_a_model_nobody_deployed_gets_a_report(cloud: Cloud) -> None:
    event = sample("ingestion/several_messages.json")
    event["Records"] = [event["Records"][0] | {"body": event["Records"][0]["body"].replace("machine-failure", "fan")}]
    cloud.put(cloud.landing, "uploads/fan/march.csv", CSV)
    assert ingest_upload.lambda_handler(event, None) == {"batchItemFailures": []}
    report = json.loads(cloud.get(f"reports/fan/{BATCH_ID}.json"))
    assert report["reason"] == "unknown_model"
    assert "deployed models: machine-failure" in report["detail"]
