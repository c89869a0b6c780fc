"""Executions on AWS Step Functions."""

from typing import TYPE_CHECKING

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from everloop.errors import StorageError

if TYPE_CHECKING:
    from mypy_boto3_stepfunctions import SFNClient


class StepFunctionsExecutions:
    def __init__(self, client: "SFNClient | None" = None) -> None:
        self._client = client or boto3.client("stepfunctions")

    def is_running(self, execution: str) -> bool:
        try:
            return self._client.describe_execution(executionArn=execution)["status"] == "RUNNING"
        except self._client.exceptions.ExecutionDoesNotExist:
            return False
        except (ClientError, BotoCoreError) as error:
            raise StorageError(f"execution {execution}: {error}") from error
