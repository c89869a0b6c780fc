"""Handlers as AWS runs them: sample events in, moto behind, definitions in a package of their own."""

import importlib
import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import boto3
import pytest
from moto import mock_aws

from everloop.adapters import definitions

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

EVENTS = Path(__file__).parents[2] / "events"
MACHINE_FAILURE = """
name = "machine-failure"
task = "binary-classification"
[data]
target = "Machine failure"
row_id = ["UDI"]
[columns]
UDI = "integer"
Type = { type = "category", allowed = ["L", "M", "H"] }
"Air temperature [K]" = { type = "number", minimum = 250, maximum = 350 }
"Machine failure" = "boolean"
"""


class Cloud(NamedTuple):
    s3: "S3Client"
    landing: str
    lake: str
    received_events: Callable[[], list[dict[str, Any]]]
    """The events the bus has carried so far, each once."""

    def put(self, bucket: str, key: str, body: bytes) -> None:
        self.s3.put_object(Bucket=bucket, Key=key, Body=body)

    def get(self, key: str) -> bytes:
        return self.s3.get_object(Bucket=self.lake, Key=key)["Body"].read()

    def lake_keys(self) -> list[str]:
        return [entry["Key"] for entry in self.s3.list_objects_v2(Bucket=self.lake).get("Contents", [])]


def sample(path: str) -> dict[str, Any]:
    event: dict[str, Any] = json.loads((EVENTS / path).read_text())
    return event


@pytest.fixture
def deployed_models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The definitions layer with one model."""
    package = tmp_path / definitions.PACKAGE
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "machine-failure.toml").write_text(MACHINE_FAILURE)
    monkeypatch.syspath_prepend(str(tmp_path))
    _forget_definitions()
    yield
    _forget_definitions()


def _forget_definitions() -> None:
    sys.modules.pop(definitions.PACKAGE, None)
    importlib.invalidate_caches()
    definitions.known_models.cache_clear()
    definitions.load_definition.cache_clear()


@pytest.fixture
def cloud(monkeypatch: pytest.MonkeyPatch, deployed_models: None) -> Iterator[Cloud]:
    for name, value in {
        "AWS_DEFAULT_REGION": "eu-central-1",
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
        "POWERTOOLS_SERVICE_NAME": "everloop",
        "POWERTOOLS_METRICS_NAMESPACE": "Everloop",
        "POWERTOOLS_TRACE_DISABLED": "true",
        "EVERLOOP_LAKE_BUCKET": "everloop-lake",
        "EVERLOOP_EVENT_BUS": "everloop",
    }.items():
        monkeypatch.setenv(name, value)
    with mock_aws():
        s3 = boto3.client("s3")
        for bucket in ("everloop-landing", "everloop-lake"):
            s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": "eu-central-1"})
        sqs, events = boto3.client("sqs"), boto3.client("events")
        queue = sqs.create_queue(QueueName="events")["QueueUrl"]
        arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
        events.create_event_bus(Name="everloop")
        events.put_rule(Name="all", EventBusName="everloop", EventPattern='{"source": ["everloop"]}')
        events.put_targets(Rule="all", EventBusName="everloop", Targets=[{"Id": "queue", "Arn": arn}])

        def received_events() -> list[dict[str, Any]]:
            messages = sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10).get("Messages", [])
            return [json.loads(message["Body"])["detail"] for message in messages]

        yield Cloud(s3, "everloop-landing", "everloop-lake", received_events)
