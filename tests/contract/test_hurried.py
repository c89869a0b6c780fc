"""The clients that answers wait for read and send what boto3's adapters do."""

import json
import socket
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any, ClassVar
from uuid import uuid4

import boto3
import pytest

from everloop.adapters.dynamodb_table import DynamoDbTable
from everloop.adapters.hurried import HurriedItems, HurriedObjects, HurriedQueue
from everloop.adapters.s3_objects import S3ObjectStore
from everloop.errors import ObjectNotFoundError, StorageError
from tests.e2e.clouds import started_cloud
from tests.fakes import FixedClock
from tests.http_aws import aws_over_http
from tests.samples import NOW

CLOCK = FixedClock(NOW)
LATER = NOW + timedelta(days=30)


@pytest.fixture(scope="module")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with started_cloud(tmp_path_factory.mktemp("cloud")) as cloud:
        yield cloud.endpoint


@pytest.fixture(params=["moto", pytest.param("local-cloud", marks=pytest.mark.server)])
def endpoint(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    if request.param == "local-cloud":
        url = request.getfixturevalue("cloud")
        monkeypatch.setenv("AWS_ENDPOINT_URL", url)
        yield url
        return
    request.getfixturevalue("aws")
    with aws_over_http() as url:
        monkeypatch.setenv("AWS_ENDPOINT_URL", url)
        yield url


@pytest.mark.parametrize("key", ["a/b.json", "model/versions/12/model.onnx", "a b+c&d=é字%.bin"])
def test_an_object_is_read_as_it_was_put(endpoint: str, key: str) -> None:
    bucket, s3 = f"everloop-{uuid4()}", boto3.client("s3")
    s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": "eu-central-1"})
    store, hurried = S3ObjectStore(bucket, s3), HurriedObjects(bucket, CLOCK)
    body = bytes(range(256)) * 10_000
    store.put_new(key, body)
    assert hurried.get(key) == store.get(key)
    with pytest.raises(ObjectNotFoundError, match="gone does not exist"):
        hurried.get("gone")


def test_a_bucket_that_is_not_there_is_an_error_of_ours(endpoint: str) -> None:
    with pytest.raises(StorageError):
        HurriedObjects(f"everloop-{uuid4()}", CLOCK).get("key")


def test_an_object_that_is_put_replaces_what_was_there(endpoint: str) -> None:
    bucket, s3 = f"everloop-{uuid4()}", boto3.client("s3")
    s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": "eu-central-1"})
    store, hurried = S3ObjectStore(bucket, s3), HurriedObjects(bucket, CLOCK)
    for body in (b'{"resting": {}}', b"", bytes(range(256)) * 1_000):
        hurried.put("a model/breaker.json", body)
        assert store.get("a model/breaker.json").body == hurried.get("a model/breaker.json").body == body
    with pytest.raises(StorageError, match="NoSuchBucket"):
        HurriedObjects(f"everloop-{uuid4()}", CLOCK).put("key", b"body")


def test_a_message_is_on_its_way_before_it_is_waited_for(endpoint: str) -> None:
    sqs = boto3.client("sqs")
    url = sqs.create_queue(QueueName=f"everloop-{uuid4()}")["QueueUrl"]
    queue = HurriedQueue(url, CLOCK)
    for body in ("first", "second"):
        stored = queue.begin(body)
        [message] = sqs.receive_message(QueueUrl=url, WaitTimeSeconds=5)["Messages"]
        assert message["Body"] == body
        sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
        stored()
    with pytest.raises(StorageError, match="not queued"):
        HurriedQueue(f"{url}-gone", CLOCK).begin("body")()


@pytest.mark.parametrize("body", ['{"text": "Übung 字 \\n \\u0001"}', "x" * 1_000_000], ids=["text", "large"])
def test_a_message_arrives_as_it_was_sent(endpoint: str, body: str) -> None:
    sqs = boto3.client("sqs")
    url = sqs.create_queue(QueueName=f"everloop-{uuid4()}")["QueueUrl"]
    HurriedQueue(url, CLOCK).send(body)
    [message] = sqs.receive_message(QueueUrl=url)["Messages"]
    assert message["Body"] == body


def test_a_queue_that_is_not_there_is_an_error_of_ours(endpoint: str) -> None:
    with pytest.raises(StorageError, match="not queued"):
        HurriedQueue("https://sqs.eu-central-1.amazonaws.com/123456789012/gone", CLOCK).send("body")


def test_items_are_read_as_the_table_wrote_them(endpoint: str) -> None:
    dynamodb, name = boto3.client("dynamodb"), f"everloop-{uuid4()}"
    dynamodb.create_table(
        TableName=name,
        AttributeDefinitions=[{"AttributeName": "pk", "AttributeType": "S"}],
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}],
        BillingMode="PAY_PER_REQUEST",
    )
    table, hurried = DynamoDbTable(name, CLOCK, dynamodb), HurriedItems(name, CLOCK)
    keys = [f"ключ {number}" for number in range(150)]
    for key in keys:
        table.put(key, key.encode() + b"\0\xff", sequence=1, expires_at=LATER)
    table.put("expired", b"old", sequence=1, expires_at=NOW - timedelta(seconds=1))
    asked = [*keys, keys[0], "unknown", "expired"]
    assert hurried.get(asked) == table.get(asked)
    assert len(hurried.get(asked)) == 150
    assert hurried.get([]) == {}


def test_a_connection_that_was_closed_meanwhile_is_opened_again(endpoint: str) -> None:
    sqs = boto3.client("sqs")
    url = sqs.create_queue(QueueName=f"everloop-{uuid4()}")["QueueUrl"]
    queue = HurriedQueue(url, CLOCK)
    queue.send("first")
    connection = queue._client._connection
    assert connection
    assert connection.sock
    connection.sock.shutdown(socket.SHUT_RDWR)
    queue.send("second")
    bodies = [sqs.receive_message(QueueUrl=url)["Messages"][0]["Body"] for _ in range(2)]
    assert sorted(bodies) == ["first", "second"]


OBJECT = (200, b"body")
THROTTLED = (400, b'{"__type": "com.amazonaws.dynamodb.v20120810#ThrottlingException"}')
NOTHING = (200, b'{"Responses": {}}')


class _Script(BaseHTTPRequestHandler):
    """Answers what it is told, one after the other; None closes the connection without an answer."""

    protocol_version = "HTTP/1.1"
    answers: ClassVar[list[tuple[int, bytes] | None]] = []

    def _answer(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        answer = self.answers.pop(0)
        if answer is None:
            self.close_connection = True
            return
        self.send_response(answer[0])
        self.send_header("Content-Length", str(len(answer[1])))
        self.end_headers()
        self.wfile.write(answer[1])

    do_GET = do_POST = do_PUT = _answer

    def log_message(self, format: str, *args: Any) -> None:
        """Not into the test's output."""


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., None]]:
    with ThreadingHTTPServer(("127.0.0.1", 0), _Script) as server:
        server.daemon_threads = True
        thread = Thread(target=server.serve_forever)
        thread.start()
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{server.server_port}")
        monkeypatch.setattr(_Script, "answers", [])
        yield lambda *answers: _Script.answers.extend(answers)
        server.shutdown()
        thread.join()


def test_a_connection_that_was_closed_is_no_attempt(script: Callable[..., None]) -> None:
    objects = HurriedObjects("bucket", CLOCK)
    script(OBJECT, None, (503, b""), OBJECT)
    assert objects.get("key").body == b"body"
    assert objects.get("key").body == b"body"


STORED = (200, b'{"MessageId": "m-1"}')


@pytest.mark.parametrize(
    "answers",
    [
        [STORED],
        [None, STORED],
        [None, None, STORED],
        [(503, b""), STORED],
        [THROTTLED, (429, b""), STORED],
    ],
    ids=["at once", "the connection dies", "it dies twice", "busy", "busy twice"],
)
def test_a_message_that_was_begun_is_stored_in_the_end(
    script: Callable[..., None], answers: list[tuple[int, bytes] | None]
) -> None:
    queue = HurriedQueue("url", CLOCK)
    script(STORED)
    queue.begin("so that there is a connection")()
    script(*answers)
    queue.begin("body")()
    assert _Script.answers == []


def test_a_connection_that_was_closed_while_the_worker_was_frozen_costs_no_message(script: Callable[..., None]) -> None:
    queue = HurriedQueue("url", CLOCK)
    script(STORED, STORED, STORED)
    queue.begin("first")()
    connection = queue._client._connection
    assert connection
    assert connection.sock
    connection.sock.shutdown(socket.SHUT_RDWR)
    queue.begin("second")()
    assert _Script.answers == [STORED]


def test_a_message_that_was_begun_and_is_not_stored_is_an_error_when_it_is_waited_for(
    script: Callable[..., None],
) -> None:
    queue = HurriedQueue("url", CLOCK)
    script(*[(503, b"")] * 4)
    stored = queue.begin("body")
    with pytest.raises(StorageError, match=r"not queued: sqs did not answer in 3 attempt\(s\): status 503"):
        stored()
    script((400, b'{"__type": "InvalidMessageContents"}'))
    with pytest.raises(StorageError, match=r"not queued: .*InvalidMessageContents"):
        queue.begin("body")()


def test_an_answer_that_nobody_waited_for_does_not_disturb_the_next(script: Callable[..., None]) -> None:
    """Such as when the answer to the caller could not be made in between."""
    queue = HurriedQueue("url", CLOCK)
    script(STORED, STORED)
    queue.begin("first")
    queue.begin("second")()
    assert _Script.answers == []


def test_of_two_messages_under_way_at_once_both_are_stored(script: Callable[..., None]) -> None:
    queue = HurriedQueue("url", CLOCK)
    script(STORED, STORED, STORED, STORED)
    first = queue.begin("first")
    second = queue.begin("second")
    for stored in (first, second):  # which cannot tell whether it was stored, and is sent once more
        stored()


def test_a_connection_that_the_service_closes_is_opened_again(script: Callable[..., None]) -> None:
    objects = HurriedObjects("bucket", CLOCK)
    script(OBJECT, OBJECT)
    with pytest.MonkeyPatch.context() as closing:
        closing.setattr(_Script, "protocol_version", "HTTP/1.0")
        assert objects.get("key").body == b"body"
    assert objects._client._connection is None
    assert objects.get("key").body == b"body"


def test_a_request_is_one_packet(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{server.getsockname()[1]}")
        HurriedQueue("url", CLOCK).begin("the message")
        with server.accept()[0] as connection:
            head, _, body = connection.recv(65_536).partition(b"\r\n\r\n")
    assert head.startswith(b"POST / HTTP/1.1\r\n")
    assert json.loads(body) == {"QueueUrl": "url", "MessageBody": "the message"}


@pytest.mark.parametrize("busy", [THROTTLED, (503, b""), (429, b"")])
def test_who_is_busy_is_asked_again(script: Callable[..., None], busy: tuple[int, bytes]) -> None:
    script(busy, NOTHING)
    assert HurriedItems("table", CLOCK).get(["key"]) == {}
    script(busy, busy, (200, b"{}"))
    HurriedQueue("url", CLOCK).send("body")
    script(busy, busy)
    with pytest.raises(StorageError, match=r"dynamodb did not answer in 2 attempt\(s\): status"):
        HurriedItems("table", CLOCK).get(["key"])


@pytest.mark.parametrize("body", [b"", b"<html>", b"{}"])
def test_an_answer_that_makes_no_sense_is_an_error_of_ours(script: Callable[..., None], body: bytes) -> None:
    script((200, body))
    with pytest.raises(StorageError, match="expected"):
        HurriedItems("table", CLOCK).get(["key"])


@pytest.mark.parametrize("item", ["{}", '{"pk": {"S": "k"}, "state": {"B": "?"}, "expires_at": {"N": "never"}}', "[]"])
def test_an_item_that_somebody_else_wrote_is_an_error_of_ours(script: Callable[..., None], item: str) -> None:
    script((200, f'{{"Responses": {{"table": [{item}]}}}}'.encode()))
    with pytest.raises(StorageError, match="table table: an item cannot be read"):
        HurriedItems("table", CLOCK).get(["key"])


def test_who_does_not_answer_is_given_up_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{deaf.getsockname()[1]}")
        started = time.monotonic()
        clock = FixedClock(NOW)
        objects = HurriedObjects("bucket", clock)
        with pytest.raises(StorageError, match=r"s3 did not answer in 1 attempt\(s\): timed out"):
            objects.get("key")
        assert time.monotonic() - started < 10
        started = time.monotonic()
        for _ in range(100):
            with pytest.raises(StorageError, match="did not answer a moment ago"):
                objects.get("key")
        assert time.monotonic() - started < 1, "one caller has paid for all"
        clock.advance(timedelta(seconds=5))
        with pytest.raises(StorageError, match="timed out"):
            objects.get("key")


def test_a_queue_that_hangs_costs_an_answer_one_timeout(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{deaf.getsockname()[1]}")
        monkeypatch.setenv("EVERLOOP_AWS_TIMEOUT_S", "0.5")
        queue = HurriedQueue("url", FixedClock(NOW))
        stored = queue.begin("message")
        started = time.monotonic()
        with pytest.raises(StorageError, match=r"not queued: sqs did not answer within 0\.5 s"):
            stored()
        assert time.monotonic() - started < 5
        with pytest.raises(StorageError, match="did not answer a moment ago"):
            queue.begin("another")()


def test_who_is_busy_is_not_left_alone(script: Callable[..., None]) -> None:
    objects = HurriedObjects("bucket", CLOCK)
    script((503, b""), (503, b""), OBJECT)
    with pytest.raises(StorageError, match="status 503"):
        objects.get("key")
    assert objects.get("key").body == b"body"


def test_a_queue_that_was_away_is_used_again(script: Callable[..., None]) -> None:
    clock = FixedClock(NOW)
    queue = HurriedQueue("url", clock)
    client = queue._client
    client._rests_until = NOW + timedelta(seconds=5)
    with pytest.raises(StorageError, match="did not answer a moment ago"):
        queue.begin("lost")()
    clock.advance(timedelta(seconds=5))
    script(STORED, STORED)
    queue.begin("first")()
    queue.begin("second")()
    assert client._rests_until is None


def test_without_credentials_it_is_an_error_of_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    with pytest.raises(StorageError, match="AWS_SECRET_ACCESS_KEY"):
        HurriedObjects("bucket", CLOCK).get("key")


def test_on_aws_each_service_has_its_host(monkeypatch: pytest.MonkeyPatch) -> None:
    assert HurriedObjects("bucket", CLOCK)._client._endpoint.geturl() == "https://bucket.s3.eu-central-1.amazonaws.com"
    monkeypatch.setenv("AWS_REGION", "cn-north-1")
    assert HurriedQueue("url", CLOCK)._client._endpoint.geturl() == "https://sqs.cn-north-1.amazonaws.com.cn"
