"""What S3 tells a queue when objects are created."""

import json
from datetime import UTC, datetime
from typing import NamedTuple
from urllib.parse import unquote_plus


class CreatedObject(NamedTuple):
    bucket: str
    key: str
    version_id: str | None
    """None in a bucket without versioning."""
    size_bytes: int
    created_at: datetime


def parse_created_objects(body: str) -> list[CreatedObject]:
    """The objects of one S3 notification (the body of an SQS message).

    Empty for the `s3:TestEvent` that S3 sends when a notification is configured, and for "folders" made in the console.
    Keys arrive url-encoded, with + for a space.
    """
    return [
        CreatedObject(
            bucket=record["s3"]["bucket"]["name"],
            key=key,
            version_id=record["s3"]["object"].get("versionId"),
            size_bytes=int(record["s3"]["object"].get("size", 0)),
            created_at=datetime.fromisoformat(record["eventTime"]).astimezone(UTC),
        )
        for record in json.loads(body).get("Records", [])
        if record["eventName"].startswith("ObjectCreated:")
        and not (key := unquote_plus(record["s3"]["object"]["key"])).endswith("/")
    ]
