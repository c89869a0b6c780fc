"""What answers wait for speaks HTTP by itself."""

from collections.abc import Iterator

import pytest

from tests.http_aws import aws_over_http


@pytest.fixture(autouse=True)
def _aws_over_http(aws: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with aws_over_http() as url:
        monkeypatch.setenv("AWS_ENDPOINT_URL", url)
        yield
