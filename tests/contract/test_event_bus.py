"""Events on EventBridge: CloudEvents 1.0, and nothing lost in silence."""

import json
from datetime import datetime
from typing import Any
from uuid import UUID

import boto3
import pytest

from everloop.adapters.event_bus import EventBridgeBus
from everloop.errors import StorageError
from everloop.ports import EventBus
from tests.fakes import FixedClock, InMemoryEventBus
from tests.samples import NOW, counting_ids


class _RecordingClient:
    def __init__(self, failed: int = 0) -> None:
        self.entries: list[dict[str, Any]] = []
        self._failed = failed

    def put_events(self, *, Entries: list[dict[str, Any]]) -> dict[str, Any]:  # boto3's own name
        self.entries += Entries
        return {"FailedEntryCount": self._failed, "Entries": [{"ErrorCode": "ThrottlingException"}]}


def published(data: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    client = _RecordingClient()
    EventBridgeBus("bus", FixedClock(NOW), client, counting_ids("event")).publish("x.y", subject="pump", data=data)
    (entry,) = client.entries
    return entry, json.loads(entry["Detail"])


def test_an_event_is_a_cloud_event_1_0() -> None:
    _, detail = published({"version": 3})
    assert detail == {
        "specversion": "1.0",
        "id": "event-1",
        "source": "everloop",
        "type": "x.y",
        "subject": "pump",
        "time": "2026-03-14T09:26:53+00:00",
        "datacontenttype": "application/json",
        "data": {"version": 3},
    }
    assert datetime.fromisoformat(detail["time"]).tzinfo is not None


def test_rules_find_an_event_by_its_source_and_detail_type() -> None:
    entry, _ = published({})
    assert (entry["EventBusName"], entry["Source"], entry["DetailType"]) == ("bus", "everloop", "x.y")


def test_text_of_any_language_survives() -> None:
    _, detail = published({"reason": "Übung 字"})
    assert detail["data"] == {"reason": "Übung 字"}


@pytest.mark.parametrize("bus", ["in-memory", "event-bridge"])
def test_publishing_answers_with_the_id_of_the_event(aws: None, bus: str) -> None:
    buses: dict[str, EventBus] = {
        "in-memory": InMemoryEventBus(),
        "event-bridge": EventBridgeBus("default", FixedClock(NOW)),
    }
    first = buses[bus].publish("x.y", subject="pump", data={"n": 1})
    second = buses[bus].publish("x.y", subject="pump", data={"n": 1})
    assert first
    assert first != second


def test_ids_are_time_ordered_unless_others_are_wanted(aws: None) -> None:
    assert UUID(EventBridgeBus("default", FixedClock(NOW)).publish("x", subject="pump", data={})).version == 7


def test_a_refused_event_raises() -> None:
    bus = EventBridgeBus("bus", FixedClock(NOW), _RecordingClient(failed=1), counting_ids())
    with pytest.raises(StorageError, match=r"x\.y for pump was refused: .*ThrottlingException"):
        bus.publish("x.y", subject="pump", data={})


def test_a_bus_that_does_not_exist_raises_an_error_of_ours(aws: None) -> None:
    client = boto3.client("events")
    bus = EventBridgeBus("no-such-bus", FixedClock(NOW), client)
    with pytest.raises(StorageError, match="x for pump"):
        bus.publish("x", subject="pump", data={})
