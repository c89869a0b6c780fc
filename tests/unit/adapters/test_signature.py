"""Requests signed by hand carry the signature that botocore makes."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread
from typing import Any
from unittest.mock import patch

import pytest
from botocore.auth import S3SigV4Auth, SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials as BotocoreCredentials
from hypothesis import given
from hypothesis import strategies as st

from everloop.adapters.signature import Credentials, find_credentials, sign

NOW = datetime(2026, 3, 14, 9, 26, 53, tzinfo=UTC)
_TEXT = st.text("abcXYZ019-_.~/", min_size=1, max_size=20)
_SEGMENT = st.from_regex(r"[a-zA-Z0-9_~-][a-zA-Z0-9_.~-]{0,9}", fullmatch=True)
"""botocore normalises others, which no path of ours has."""


@given(
    path=st.lists(_SEGMENT).map(lambda segments: "/" + "/".join(segments)),
    body=st.binary(max_size=100),
    token=st.none() | _TEXT,
    service=st.sampled_from(["s3", "sqs", "dynamodb"]),
    extra=st.dictionaries(st.sampled_from(["x-amz-target", "content-type"]), _TEXT),
)
def test_the_signature_is_botocore_s(
    path: str, body: bytes, token: str | None, service: str, extra: dict[str, str]
) -> None:
    ours = sign(
        "POST",
        path,
        {"host": "example.com", **extra},
        body,
        service=service,
        region="eu-central-1",
        credentials=Credentials("KEY", "SECRET", token),
        moment=NOW,
    )
    url = "https://example.com" + path
    headers = {**extra, "x-amz-content-sha256": ours["x-amz-content-sha256"]}
    request = AWSRequest("POST", url, headers=headers, data=body)
    with patch("botocore.auth.get_current_datetime", return_value=NOW.replace(tzinfo=None)):
        signer = S3SigV4Auth if service == "s3" else SigV4Auth
        signer(BotocoreCredentials("KEY", "SECRET", token), service, "eu-central-1").add_auth(request)
    assert ours["authorization"] == request.headers["Authorization"]


def test_credentials_come_from_the_environment() -> None:
    environ = {"AWS_ACCESS_KEY_ID": "k", "AWS_SECRET_ACCESS_KEY": "s", "AWS_SESSION_TOKEN": "t"}
    found = find_credentials(environ)
    assert found == Credentials("k", "s", "t")
    assert found.hold_at(NOW)


class _Endpoint(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        assert self.headers["Authorization"] == "secret"
        found = {"AccessKeyId": "k", "SecretAccessKey": "s", "Token": "t", "Expiration": "2026-03-14T10:00:00Z"}
        self.send_response(200)
        self.end_headers()
        self.wfile.write(json.dumps(found).encode())

    def log_message(self, format: str, *args: Any) -> None:
        """Not into the test's output."""


@pytest.fixture
def endpoint() -> Iterator[str]:
    server = HTTPServer(("127.0.0.1", 0), _Endpoint)
    thread = Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()
    thread.join()
    server.server_close()


def test_after_a_snapshot_they_come_from_the_endpoint_and_are_renewed_in_time(endpoint: str) -> None:
    environ = {"AWS_CONTAINER_CREDENTIALS_FULL_URI": endpoint, "AWS_CONTAINER_AUTHORIZATION_TOKEN": "secret"}
    found = find_credentials(environ)
    assert (found.access_key, found.secret_key, found.token) == ("k", "s", "t")
    assert found.hold_at(NOW)
    assert not found.hold_at(NOW + timedelta(minutes=29))
