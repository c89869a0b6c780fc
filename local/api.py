"""Call the deployed HTTP API as an operator: signed with the caller's AWS credentials, and with the API key."""

import json
import urllib.error
import urllib.request
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from local.cloud.environment import ACCESS_KEY_ID, REGION, SECRET_ACCESS_KEY
from local.errors import LocalCloudError
from local.target import Target

TIMEOUT_S = 60.0  # longer than API Gateway waits for a function


@dataclass(frozen=True)
class Answer:
    status: int
    text: str

    def json(self) -> Any:
        return json.loads(self.text)


class Api:
    """The routes of one target, whether they ask for a signature, for the key, or for neither."""

    def __init__(self, target: Target) -> None:
        self.target = target

    def call(self, method: str, path: str, body: Any = None) -> Answer:
        """Send `body` as JSON to `path` (which begins with a slash); an HTTP error is an answer, not an exception."""
        content = None if body is None else json.dumps(body).encode()
        url = self.target.api_url + path
        headers = self._headers(method, url, content)
        request = urllib.request.Request(url, content, headers, method=method)  # noqa: S310 - http(s) by construction
        try:
            with self._opener.open(request, timeout=TIMEOUT_S) as response:
                return Answer(response.status, response.read().decode())
        except urllib.error.HTTPError as error:
            return Answer(error.code, error.read().decode())
        except OSError as error:
            raise LocalCloudError(f"{url} does not answer ({error}); see `everloop status`") from error

    def _headers(self, method: str, url: str, content: bytes | None) -> dict[str, str]:
        from botocore.auth import SigV4Auth
        from botocore.awsrequest import AWSRequest

        headers = {"Content-Type": "application/json", "x-api-key": self._key}
        request = AWSRequest(method=method, url=url, data=content, headers=headers)
        credentials, region = self._identity
        SigV4Auth(credentials, "execute-api", region).add_auth(request)
        return dict(request.headers.items())

    @cached_property
    def _key(self) -> str:
        return self.target.api_key()

    @cached_property
    def _identity(self) -> tuple[Any, str]:
        from botocore.credentials import Credentials

        if self.target.cloud is not None:
            return Credentials(ACCESS_KEY_ID, SECRET_ACCESS_KEY), REGION
        import boto3

        session: Any = boto3.session.Session()
        return session.get_credentials(), session.region_name

    @cached_property
    def _opener(self) -> urllib.request.OpenerDirector:
        # A proxy of the host could not reach this machine's own address.
        proxies = [urllib.request.ProxyHandler({})] if self.target.cloud is not None else []
        return urllib.request.build_opener(*proxies)
