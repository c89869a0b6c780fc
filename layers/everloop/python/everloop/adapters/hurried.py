"""What an answer needs of S3, SQS and DynamoDB, without boto3, whose import and clients take 200 ms of a cold start.

Each client keeps one connection and is for one thread. What fails is soon given up: a fallback now is better than the
model in a minute.
"""

import base64
import json
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection
from typing import Any, NamedTuple
from urllib.parse import quote, urlsplit

from everloop.adapters.signature import Credentials, find_credentials, sign
from everloop.errors import ObjectNotFoundError, StorageError
from everloop.ports import Clock, StoredObject

_ATTEMPT_PAUSES_S = (0, 0.1)
"""Before each attempt of a request."""
_TIMEOUT_VARIABLE = "EVERLOOP_AWS_TIMEOUT_S"
"""Set where AWS is a process that shares the worker's processors, and may stand still for longer."""
_TIMEOUT_S = 2
_REST_S = 5
"""How long a service that let callers wait for nothing is not asked again: one caller pays for all."""
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
        self._timeout_s = float(os.environ.get(_TIMEOUT_VARIABLE, _TIMEOUT_S))
        self._clock = clock
        self._region = os.environ["AWS_REGION"]
        local = os.environ.get("AWS_ENDPOINT_URL")
        domain = "amazonaws.com.cn" if self._region.startswith("cn-") else "amazonaws.com"
        host = f"{bucket}.{service}" if bucket else service
        self._endpoint = urlsplit(local or f"https://{host}.{self._region}.{domain}")
        self._root = f"/{bucket}" if local and bucket else ""
        self._credentials: Credentials | None = None
        self._connection: HTTPConnection | None = None
        self._is_owed = False
        """Whether an answer is still to come over it."""
        self._rests_until: datetime | None = None

    def send(self, method: str, path: str, headers: Mapping[str, str] | None = None, body: bytes = b"") -> _Answer:
        if self._rests_until and self._clock.now() < self._rests_until:
            raise StorageError(
                f"{self._service} did not answer a moment ago, and is asked again in {_REST_S} s at most"
            )
        problem: object = None
        attempts = 0
        begun = time.monotonic()
        for pause_s in self._pauses_s:
            time.sleep(pause_s)
            attempts += 1
            try:
                answer = self._send(method, self._root + path, headers or {}, body)
            except (OSError, HTTPException, KeyError, ValueError) as error:
                self._close()
                problem = str(error) or type(error).__name__
                if time.monotonic() - begun >= self._timeout_s:  # who hangs once will hang again, and a caller waits
                    self._rest()
                    break
            else:
                if not _is_busy(answer):
                    self._rests_until = None
                    return answer
                problem = f"status {answer.status}: {_told(answer)}"
        raise StorageError(f"{self._service} did not answer in {attempts} attempt(s): {problem}")

    def _rest(self) -> None:
        self._rests_until = self._clock.now() + timedelta(seconds=_REST_S)

    def call(self, target: str, request: Mapping[str, Any]) -> Any:
        """One operation of a service that speaks JSON."""
        headers, body = _json_call(target, request)
        return _json_answer(target, self.send("POST", "/", headers, body))

    def begin_call(self, target: str, request: Mapping[str, Any]) -> Callable[[], Any]:
        """Like `call`, whose answer is waited for by what is returned. One call is under way at a time."""
        headers, body = _json_call(target, request)
        if self._rests_until:
            return lambda: self.call(target, request)
        try:
            signed = self._signed("POST", self._root + "/", headers, body)
            asked = self._write("POST", self._root + "/", body, signed)
        except (OSError, HTTPException, KeyError, ValueError):
            self._close()
            return lambda: self.call(target, request)

        def finish() -> Any:
            if self._connection is not asked or not self._is_owed:  # another call came between
                return self.call(target, request)
            try:
                answer = self._read(asked)
            except TimeoutError as error:
                self._close()
                self._rest()
                raise StorageError(f"{self._service} did not answer within {self._timeout_s:g} s") from error
            except (OSError, HTTPException):  # such as a kept connection that was closed while the worker was frozen
                self._close()
                return self.call(target, request)
            return self.call(target, request) if _is_busy(answer) else _json_answer(target, answer)

        return finish

    def _send(self, method: str, path: str, headers: Mapping[str, str], body: bytes) -> _Answer:
        signed = self._signed(method, path, headers, body)
        is_kept = self._connection is not None and not self._is_owed
        try:
            return self._exchange(method, path, body, signed)
        except ConnectionError:
            # What was kept may have been closed while the worker was frozen: that was no attempt.
            self._close()
            if not is_kept:
                raise
        return self._exchange(method, path, body, signed)

    def _signed(self, method: str, path: str, headers: Mapping[str, str], body: bytes) -> dict[str, str]:
        moment = self._clock.now()
        if self._credentials is None or not self._credentials.hold_at(moment):
            self._credentials = find_credentials()
        return sign(
            method,
            path,
            {**headers, "host": self._endpoint.netloc},
            body,
            service=self._service,
            region=self._region,
            credentials=self._credentials,
            moment=moment,
        )

    def _exchange(self, method: str, path: str, body: bytes, headers: dict[str, str]) -> _Answer:
        return self._read(self._write(method, path, body, headers))

    def _write(self, method: str, path: str, body: bytes, headers: Mapping[str, str]) -> HTTPConnection:
        """In one packet, where http.client takes one for the head and one for the body: each wakes its reader."""
        if self._is_owed:
            self._close()
        connection = self._connected()
        self._is_owed = True
        head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        told = f"{method} {path} HTTP/1.1\r\n{head}content-length: {len(body)}\r\n\r\n"
        connection.sock.sendall(told.encode("latin-1") + body)
        return connection

    def _read(self, connection: HTTPConnection) -> _Answer:
        answer = HTTPResponse(connection.sock)
        answer.begin()
        body = answer.read()
        self._is_owed = False
        if answer.will_close:
            self._close()
        return _Answer(answer.status, {name.lower(): value for name, value in answer.getheaders()}, body)

    def _connected(self) -> HTTPConnection:
        if self._connection is None:
            kind = HTTPSConnection if self._endpoint.scheme == "https" else HTTPConnection
            connection = kind(self._endpoint.netloc, timeout=self._timeout_s)
            connection.connect()
            self._connection = connection
        return self._connection

    def _close(self) -> None:
        """The next request opens another."""
        if self._connection:
            self._connection.close()
        self._connection = None
        self._is_owed = False


def _json_call(target: str, request: Mapping[str, Any]) -> tuple[dict[str, str], bytes]:
    headers = {"content-type": "application/x-amz-json-1.0", "x-amz-target": target}
    return headers, json.dumps(request).encode()


def _json_answer(target: str, answer: _Answer) -> Any:
    if answer.status != _OK:
        raise StorageError(f"{target}: status {answer.status}: {_told(answer)}")
    try:
        return json.loads(answer.body)
    except ValueError as error:
        raise StorageError(f"{target}: expected JSON, got {_told(answer)!r}") from error


class HurriedObjects:
    """NoteBoard on one S3 bucket."""

    def __init__(self, bucket: str, clock: Clock) -> None:
        self._bucket = bucket
        self._client = _Client("s3", clock, bucket=bucket)

    def get(self, key: str) -> StoredObject:
        answer = self._client.send("GET", f"/{quote(key, safe='/-_.~')}")
        if answer.status == _OK:
            return StoredObject(answer.body, answer.headers.get("etag", ""))
        if answer.status == _NOT_FOUND and b"NoSuchBucket" not in answer.body:
            raise ObjectNotFoundError(f"s3://{self._bucket}/{key} does not exist")
        raise self._refused(key, answer)

    def put(self, key: str, body: bytes) -> None:
        answer = self._client.send("PUT", f"/{quote(key, safe='/-_.~')}", body=body)
        if answer.status != _OK:
            raise self._refused(key, answer)

    def _refused(self, key: str, answer: _Answer) -> StorageError:
        return StorageError(f"s3://{self._bucket}/{key}: status {answer.status}: {_told(answer)}")


class HurriedQueue:
    """MessageQueue on Amazon SQS."""

    def __init__(self, url: str, clock: Clock) -> None:
        self._url = url
        self._client = _Client("sqs", clock, pauses_s=(*_ATTEMPT_PAUSES_S, 0.2))

    def send(self, body: str) -> None:
        self.begin(body)()

    def begin(self, body: str) -> Callable[[], None]:
        answered = self._client.begin_call("AmazonSQS.SendMessage", {"QueueUrl": self._url, "MessageBody": body})

        def stored() -> None:
            try:
                answered()
            except StorageError as error:
                raise StorageError(f"the message was not queued: {error}") from error

        return stored


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
        try:
            return {
                item["pk"]["S"]: base64.b64decode(item["state"]["B"])
                for chunk in chunks
                for item in self._items(chunk)
                if now < float(item["expires_at"]["N"])
            }
        except (KeyError, TypeError, ValueError) as error:  # an item that somebody else wrote
            raise StorageError(f"table {self._table}: an item cannot be read: {error!r}") from error

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
