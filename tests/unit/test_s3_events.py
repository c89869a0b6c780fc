"""S3 notifications, as S3 writes them."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from everloop.contracts.s3_events import CreatedObject, parse_created_objects

EVENTS = Path(__file__).parents[2] / "events"


def parsed(sample: str) -> list[CreatedObject]:
    event = json.loads((EVENTS / sample).read_text())
    return [created for record in event["Records"] for created in parse_created_objects(record["body"])]


def test_an_upload_is_parsed() -> None:
    assert parsed("ingestion/upload.json") == [
        CreatedObject(
            bucket="everloop-landing",
            key="uploads/machine-failure/march.csv",
            version_id="096fKKXTRTtl3on89fVO.nfljtsv6qko",
            size_bytes=184,
            created_at=datetime(2026, 3, 14, 9, 26, 53, 589_000, UTC),
        )
    ]


def test_a_key_is_decoded() -> None:
    [created] = parsed("ingestion/upload_with_spaces_and_plus.json")
    assert created.key == "uploads/machine-failure/line 3/march + april (1) über.csv"
    assert created.version_id is None


def test_a_folder_made_in_the_console_is_no_upload() -> None:
    assert [created.key for created in parsed("ingestion/several_messages.json")] == [
        "uploads/machine-failure/march.csv",
        "uploads/machine-failure/gone.csv",
    ]


@pytest.mark.parametrize("stage", ["ingestion", "validation"])
def test_the_test_event_holds_no_object(stage: str) -> None:
    assert parsed(f"{stage}/test_event.json") == []


def test_what_is_no_notification_is_an_error() -> None:
    with pytest.raises(ValueError, match="Expecting value"):
        parse_created_objects("no JSON")
