"""ObjectStore on one S3 bucket, with conditional writes."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
from boto3.exceptions import Boto3Error
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from everloop.errors import ObjectNotFoundError, PreconditionFailedError, StorageError
from everloop.ports import StoredObject

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_ABSENT = frozenset({"NoSuchKey", "NoSuchVersion", "404"})
_LOST = "PreconditionFailed"
_BUSY = "ConditionalRequestConflict"
"""S3 answers 409 while another conditional write of the key is under way: neither won nor lost, ask again."""
_BUSY_ATTEMPTS = 20

PATIENT = Config(retries={"mode": "standard", "max_attempts": 5}, connect_timeout=3, read_timeout=30)
HURRIED = Config(retries={"mode": "standard", "max_attempts": 2}, connect_timeout=1, read_timeout=2)
"""For answers that somebody waits for: a fallback now is better than the model in a minute."""


class S3ObjectStore:
    def __init__(self, bucket: str, client: "S3Client | None" = None, *, config: Config = PATIENT) -> None:
        self.bucket = bucket
        self._client = client or boto3.client("s3", config=config)

    def get(self, key: str) -> StoredObject:
        try:
            answer = self._client.get_object(Bucket=self.bucket, Key=key)
            return StoredObject(answer["Body"].read(), answer["ETag"])
        except (ClientError, BotoCoreError) as error:
            raise self._map(error, key) from error

    def exists(self, key: str) -> bool:
        try:
            self.size(key)
        except ObjectNotFoundError:
            return False
        return True

    def size(self, key: str) -> int:
        try:
            return self._client.head_object(Bucket=self.bucket, Key=key)["ContentLength"]
        except (ClientError, BotoCoreError) as error:
            raise self._map(error, key) from error

    def put_new(self, key: str, body: bytes) -> bool:
        try:
            self._put(key, body, IfNoneMatch="*")
        except PreconditionFailedError:
            return False
        return True

    def replace(self, key: str, body: bytes, *, etag: str | None) -> str:
        return self._put(key, body, **({"IfMatch": etag} if etag else {"IfNoneMatch": "*"}))

    def list_keys(self, prefix: str, *, after: str = "") -> Iterator[str]:
        try:
            pages = self._client.get_paginator("list_objects_v2").paginate(
                Bucket=self.bucket, Prefix=prefix, StartAfter=after
            )
            for page in pages:
                yield from (entry["Key"] for entry in page.get("Contents", []))
        except (ClientError, BotoCoreError) as error:
            raise self._map(error, prefix) from error

    def download(self, key: str, path: Path, *, version: str | None = None) -> None:
        try:
            extra = {"VersionId": version} if version else {}
            self._client.download_file(self.bucket, key, str(path), ExtraArgs=extra)
        except (ClientError, BotoCoreError, Boto3Error) as error:
            raise self._map(error, key) from error

    def upload_new(self, path: Path, key: str) -> bool:
        with path.open("rb") as body:
            try:
                self._put(key, body, IfNoneMatch="*")
            except PreconditionFailedError:
                return False
        return True

    def upload(self, path: Path, key: str) -> None:
        with path.open("rb") as body:
            self._put(key, body)

    def _put(self, key: str, body: Any, **condition: str) -> str:
        for _ in range(_BUSY_ATTEMPTS):
            try:
                return self._client.put_object(Bucket=self.bucket, Key=key, Body=body, **condition)["ETag"]  # type: ignore[arg-type]  # one of two condition headers
            except (ClientError, BotoCoreError) as error:
                # If-Match on an object that is gone answers 404: lost as well.
                mapped = self._map(error, key)
                if isinstance(mapped, ObjectNotFoundError):
                    raise PreconditionFailedError(f"s3://{self.bucket}/{key} is gone") from error
                if _code(error) != _BUSY:
                    raise mapped from error
                if hasattr(body, "seek"):
                    body.seek(0)
        raise StorageError(f"s3://{self.bucket}/{key}: still contended after {_BUSY_ATTEMPTS} attempts; try again")

    def _map(self, error: Exception, key: str) -> StorageError:
        where = f"s3://{self.bucket}/{key}"
        code = _code(error)
        if code in _ABSENT:
            return ObjectNotFoundError(f"{where} does not exist")
        if code == _LOST:
            return PreconditionFailedError(f"{where} was changed by somebody else")
        return StorageError(f"{where}: {error}")


def _code(error: Exception) -> str:
    return str(error.response.get("Error", {}).get("Code", "")) if isinstance(error, ClientError) else ""
