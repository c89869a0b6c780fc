"""One body of tests for every MessageQueue."""

from collections.abc import Callable

import boto3
import pytest

from everloop.adapters.sqs_queue import SqsQueue
from everloop.errors import StorageError
from everloop.ports import MessageQueue
from tests.fakes import InMemoryQueue

Drain = Callable[[], list[str]]


@pytest.fixture(params=["in-memory", "sqs"])
def queue(request: pytest.FixtureRequest, aws: None) -> tuple[MessageQueue, Drain]:
    if request.param == "in-memory":
        fake = InMemoryQueue()
        return fake, lambda: fake.messages
    client = boto3.client("sqs")
    url = client.create_queue(QueueName="predictions")["QueueUrl"]
    return SqsQueue(url), lambda: [
        message["Body"] for message in client.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", [])
    ]


def test_a_message_arrives_as_it_was_sent(queue: tuple[MessageQueue, Drain]) -> None:
    sender, drain = queue
    sender.send('{"text": "Übung 字 \\n"}')
    assert drain() == ['{"text": "Übung 字 \\n"}']


def test_a_message_of_a_million_bytes_fits(queue: tuple[MessageQueue, Drain]) -> None:
    sender, drain = queue
    sender.send("x" * 1_000_000)
    assert [len(body) for body in drain()] == [1_000_000]


def test_a_queue_that_does_not_exist_raises_an_error_of_ours(aws: None) -> None:
    with pytest.raises(StorageError, match="not queued"):
        SqsQueue("https://sqs.eu-central-1.amazonaws.com/123456789012/gone").send("body")
