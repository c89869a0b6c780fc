"""Signature Version 4 of requests to AWS.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
"""

import hashlib
import hmac
import json
import os
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

_ALGORITHM = "AWS4-HMAC-SHA256"
_RENEWED_BEFORE = timedelta(minutes=5)
_TIMEOUT_S = 2


class Credentials(NamedTuple):
    access_key: str
    secret_key: str
    token: str | None = None
    expires_at: datetime | None = None

    def hold_at(self, moment: datetime) -> bool:
        return self.expires_at is None or moment < self.expires_at - _RENEWED_BEFORE


def find_credentials(environ: Mapping[str, str] = os.environ) -> Credentials:
    """Of the function's role: from its environment or, where a snapshot was restored, from the endpoint named there."""
    endpoint = environ.get("AWS_CONTAINER_CREDENTIALS_FULL_URI")
    if not endpoint:
        keys = (environ["AWS_ACCESS_KEY_ID"], environ["AWS_SECRET_ACCESS_KEY"])
        return Credentials(*keys, environ.get("AWS_SESSION_TOKEN"))
    import urllib.request

    request = urllib.request.Request(  # noqa: S310  # Lambda sets the address
        endpoint, headers={"Authorization": environ.get("AWS_CONTAINER_AUTHORIZATION_TOKEN", "")}
    )
    with urllib.request.urlopen(request, timeout=_TIMEOUT_S) as answer:  # noqa: S310
        found = json.load(answer)
    expires_at = datetime.fromisoformat(found["Expiration"])
    return Credentials(found["AccessKeyId"], found["SecretAccessKey"], found["Token"], expires_at)


def sign(
    method: str,
    path: str,
    headers: Mapping[str, str],
    body: bytes,
    *,
    service: str,
    region: str,
    credentials: Credentials,
    moment: datetime,
) -> dict[str, str]:
    """The headers to send: those given, `host` among them, and the signature. `path` is quoted, and has no query."""
    time = moment.astimezone(UTC).strftime("%Y%m%dT%H%M%SZ")
    payload = hashlib.sha256(body).hexdigest()
    signed = {name.lower(): value for name, value in headers.items()}
    signed |= {"x-amz-date": time, "x-amz-content-sha256": payload}
    if credentials.token:
        signed["x-amz-security-token"] = credentials.token
    names = ";".join(sorted(signed))
    lines = "".join(f"{name}:{signed[name].strip()}\n" for name in sorted(signed))
    request = f"{method}\n{path}\n\n{lines}\n{names}\n{payload}"
    scope = f"{time[:8]}/{region}/{service}/aws4_request"
    to_sign = f"{_ALGORITHM}\n{time}\n{scope}\n{hashlib.sha256(request.encode()).hexdigest()}"
    key = f"AWS4{credentials.secret_key}".encode()
    for part in scope.split("/"):
        key = hmac.digest(key, part.encode(), "sha256")
    signature = hmac.digest(key, to_sign.encode(), "sha256").hex()
    known = f"Credential={credentials.access_key}/{scope}, SignedHeaders={names}, Signature={signature}"
    return signed | {"authorization": f"{_ALGORITHM} {known}"}
