"""EventBus on Amazon EventBridge: each event is a CloudEvent 1.0 in `detail`."""

import json
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from everloop.errors import StorageError
from everloop.ids import new_id
from everloop.ports import Clock

if TYPE_CHECKING:
    from mypy_boto3_events import EventBridgeClient

SOURCE = "everloop"


class EventBridgeBus:
    def __init__(
        self,
        name: str,
        clock: Clock,
        client: "EventBridgeClient | None" = None,
        next_id: Callable[[], str] | None = None,
    ) -> None:
        self._name = name
        self._clock = clock
        self._client = client or boto3.client("events")
        self._next_id = next_id or (lambda: new_id(clock.now()))

    def publish(self, event_type: str, *, subject: str, data: Mapping[str, Any]) -> str:
        event = {
            "specversion": "1.0",
            "id": self._next_id(),
            "source": SOURCE,
            "type": event_type,
            "subject": subject,
            "time": self._clock.now().isoformat(),
            "datacontenttype": "application/json",
            "data": dict(data),
        }
        try:
            answer = self._client.put_events(
                Entries=[
                    {
                        "EventBusName": self._name,
                        "Source": SOURCE,
                        "DetailType": event_type,
                        "Detail": json.dumps(event, allow_nan=False),
                    }
                ]
            )
        except (ClientError, BotoCoreError) as error:
            raise StorageError(f"event {event_type} for {subject} was not sent: {error}") from error
        if answer["FailedEntryCount"]:
            raise StorageError(f"event {event_type} for {subject} was refused: {answer['Entries'][0]}")
        return str(event["id"])
