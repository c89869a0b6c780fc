"""What an answer needs of S3, SQS and DynamoDB, without boto3, whose import and clients take 200 ms of a cold start.

Each client keeps one connection and is for one thread. What fails is soon given up: a fallback now is better than the
model in a minute.
"""

import base64
import json
import os
import time
from collections.abc import Iterator, Mapping, Sequence
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from typing import Any, NamedTuple
from urllib.parse import quote, urlsplit

from everloop.adapters.signature import Credentials, find_credentials, sign
from everloop.errors import ObjectNotFoundError, StorageError
from everloop.ports import Clock, StoredObject

_ATTEMPT_PAUSES_S = (0, 0.1)
"""Before each attempt of a request."""
_TIMEOUT_S = 2
_OK, _REFUSED, _NOT_FOUND, _TOO_MANY, _SERVER_ERROR = 200, 400, 404, 429, 500
_THROTTLES = (b"Throttl", b"ProvisionedThroughputExceeded", b"RequestLimitExceeded")
"""DynamoDB and SQS say it with status 400."""
_KEYS_PER_CALL = 100
"""What BatchGetItem takes."""
_PAUSES_S = (0, 0, 0.05, 0.1)
"""Before each call for the same keys: it leaves out what exceeds its 16 MB, which needs no pause, or its throughput."""


class _Answer(NamedTuple):
    status: int
    headers: Mapping[str, str]
    body: bytes


class _Client:
    """Signed requests to one service; raises StorageError when it does not answer."""

    def __init__(
        self, service: str, clock: Clock, *, bucket: str = "", pauses_s: Sequence[float] = _ATTEMPT_PAUSES_S
    ) -> None:
        self._service = service
        self._pauses_s = pauses_s
        self._clock = clock
        self._region = os.environ["AWS_REGION"]
        local = os.environ.get("AWS_ENDPOINT_URL")
        domain = "amazonaws.com.cn" if self._region.startswith("cn-") else "amazonaws.com"
        host = f"{bucket}.{service}" if bucket else service
        self._endpoint = urlsplit(local or f"https://{host}.{self._region}.{domain}")
        self._root = f"/{bucket}" if local and bucket else ""
        self._credentials: Credentials | None = None
        self._connection: HTTPConnection | None = None

    def send(self, method: str, path: str, headers: Mapping[str, str] | None = None, body: bytes = b"") -> _Answer:
        problem: object = None
        for pause_s in self._pauses_s:
            time.sleep(pause_s)
            try:
                answer = self._send(method, self._root + path, headers or {}, body)
            except (OSError, HTTPException, KeyError, ValueError) as error:
                self._close()
                problem = str(error) or type(error).__name__
            else:
                if not _is_busy(answer):
                    return answer
                problem = f"status {answer.status}: {_told(answer)}"
        raise StorageError(f"{self._service} did not answer in {len(self._pauses_s)} attempts: {problem}")

    def call(self, target: str, request: Mapping[str, Any]) -> Any:
        """One operation of a service that speaks JSON."""
        headers = {"content-type": "application/x-amz-json-1.0", "x-amz-target": target}
        answer = self.send("POST", "/", headers, json.dumps(request).encode())
        if answer.status != _OK:
            raise StorageError(f"{target}: status {answer.status}: {_told(answer)}")
        try:
            return json.loads(answer.body)
        except ValueError as error:
            raise StorageError(f"{target}: expected JSON, got {_told(answer)!r}") from error

    def _send(self, method: str, path: str, headers: Mapping[str, str], body: bytes) -> _Answer:
        moment = self._clock.now()
        if self._credentials is None or not self._credentials.hold_at(moment):
            self._credentials = find_credentials()
        signed = sign(
            method,
            path,
            {**headers, "host": self._endpoint.netloc},
            body,
            service=self._service,
            region=self._region,
            credentials=self._credentials,
            moment=moment,
        )
        is_kept = self._connection is not None
        try:
            return self._exchange(method, path, body, signed)
        except ConnectionError:
            # What was kept may have been closed while the worker was frozen: that was no attempt.
            self._close()
            if not is_kept:
                raise
        return self._exchange(method, path, body, signed)

    def _exchange(self, method: str, path: str, body: bytes, headers: dict[str, str]) -> _Answer:
        connection = self._connected()
        connection.request(method, path, body, headers)
        answer = connection.getresponse()
        return _Answer(answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read())

    def _connected(self) -> HTTPConnection:
        if self._connection is None:
            kind = HTTPSConnection if self._endpoint.scheme == "https" else HTTPConnection
            self._connection = kind(self._endpoint.netloc, timeout=_TIMEOUT_S)
        return self._connection

    def _close(self) -> None:
        """The next request opens another."""
        if self._connection:
            self._connection.close()
        self._connection = None


class HurriedObjects:
    """ObjectReader on one S3 bucket."""

    def __init__(self, bucket: str, clock: Clock) -> None:
        self._bucket = bucket
        self._client = _Client("s3", clock, bucket=bucket)

    def get(self, key: str) -> StoredObject:
        answer = self._client.send("GET", f"/{quote(key, safe='/-_.~')}")
        if answer.status == _OK:
            return StoredObject(answer.body, answer.headers.get("etag", ""))
        where = f"s3://{self._bucket}/{key}"
        if answer.status == _NOT_FOUND:
            raise ObjectNotFoundError(f"{where} does not exist")
        raise StorageError(f"{where}: status {answer.status}: {_told(answer)}")


class HurriedQueue:
    """MessageQueue on Amazon SQS."""

    def __init__(self, url: str, clock: Clock) -> None:
        self._url = url
        self._client = _Client("sqs", clock, pauses_s=(*_ATTEMPT_PAUSES_S, 0.2))

    def send(self, body: str) -> None:
        try:
            self._client.call("AmazonSQS.SendMessage", {"QueueUrl": self._url, "MessageBody": body})
        except StorageError as error:
            raise StorageError(f"the message was not queued: {error}") from error


class HurriedItems:
    """ItemReader on one DynamoDB table, whose items `DynamoDbTable` wrote."""

    def __init__(self, table: str, clock: Clock) -> None:
        self._table = table
        self._clock = clock
        self._client = _Client("dynamodb", clock)

    def get(self, keys: Sequence[str]) -> dict[str, bytes]:
        unique = list(dict.fromkeys(keys))
        chunks = (unique[start : start + _KEYS_PER_CALL] for start in range(0, len(unique), _KEYS_PER_CALL))
        now = self._clock.now().timestamp()
        return {
            item["pk"]["S"]: base64.b64decode(item["state"]["B"])
            for chunk in chunks
            for item in self._items(chunk)
            if now < float(item["expires_at"]["N"])
        }

    def _items(self, keys: Sequence[str]) -> Iterator[dict[str, Any]]:
        asked: dict[str, Any] = {self._table: {"Keys": [{"pk": {"S": key}} for key in keys]}}
        for pause_s in _PAUSES_S:
            time.sleep(pause_s)
            answer = self._client.call("DynamoDB_20120810.BatchGetItem", {"RequestItems": asked})
            if "Responses" not in answer:
                raise StorageError(f"table {self._table}: expected items, got {str(answer)[:300]}")
            yield from answer["Responses"].get(self._table, [])
            asked = answer.get("UnprocessedKeys") or {}
            if not asked:
                return
        left = len(asked[self._table]["Keys"])
        raise StorageError(f"table {self._table}: left {left} key(s) out in {len(_PAUSES_S)} calls; try again")


def _told(answer: _Answer) -> str:
    return answer.body[:300].decode(errors="replace")


def _is_busy(answer: _Answer) -> bool:
    is_throttled = answer.status == _REFUSED and any(name in answer.body for name in _THROTTLES)
    return answer.status >= _SERVER_ERROR or answer.status == _TOO_MANY or is_throttled
