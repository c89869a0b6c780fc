"""MessageQueue on Amazon SQS."""

from typing import TYPE_CHECKING

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from everloop.errors import StorageError

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient


class SqsQueue:
    def __init__(self, url: str, client: "SQSClient | None" = None) -> None:
        self._url = url
        self._client = client or boto3.client(
            "sqs", config=Config(retries={"mode": "standard", "max_attempts": 3}, connect_timeout=2, read_timeout=5)
        )

    def send(self, body: str) -> None:
        try:
            self._client.send_message(QueueUrl=self._url, MessageBody=body)
        except (ClientError, BotoCoreError) as error:
            raise StorageError(f"the message was not queued: {error}") from error
