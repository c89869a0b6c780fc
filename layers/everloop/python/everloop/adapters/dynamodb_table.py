"""ItemTable on one DynamoDB table, with conditional writes."""

import math
import time
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from everloop.adapters.s3_objects import PATIENT
from everloop.errors import StorageError
from everloop.ports import Clock

_KEYS_PER_CALL = 100
"""What BatchGetItem takes."""
_PAUSES_S = (0, 0, 0.05, 0.1, 0.2)
"""Before each call for the same keys: it leaves out what exceeds its 16 MB, which needs no pause, or its throughput."""
_NEWER = "attribute_not_exists(#sequence) OR #sequence <= :sequence"
_OLDER = "ConditionalCheckFailedException"


class DynamoDbTable:
    """Items have the attributes `pk`, `state`, `sequence` and, which is the table's TTL attribute, `expires_at`."""

    def __init__(self, name: str, clock: Clock, client: Any = None) -> None:
        self._name = name
        self._clock = clock
        self._client = client or boto3.client("dynamodb", config=PATIENT)

    def get(self, keys: Sequence[str]) -> dict[str, bytes]:
        unique = list(dict.fromkeys(keys))
        chunks = (unique[start : start + _KEYS_PER_CALL] for start in range(0, len(unique), _KEYS_PER_CALL))
        now = self._clock.now().timestamp()
        return {
            item["pk"]["S"]: item["state"]["B"]
            for chunk in chunks
            for item in self._items(chunk)
            if now < float(item["expires_at"]["N"])  # DynamoDB deletes what has expired some days later
        }

    def put(self, key: str, body: bytes, *, sequence: int, expires_at: datetime) -> bool:
        item = {
            "pk": {"S": key},
            "state": {"B": body},
            "sequence": {"N": str(sequence)},
            "expires_at": {"N": str(math.ceil(expires_at.timestamp()))},
        }
        try:
            self._client.put_item(
                TableName=self._name,
                Item=item,
                ConditionExpression=_NEWER,
                ExpressionAttributeNames={"#sequence": "sequence"},  # a reserved word
                ExpressionAttributeValues={":sequence": item["sequence"]},
            )
        except (ClientError, BotoCoreError) as error:
            if isinstance(error, ClientError) and error.response.get("Error", {}).get("Code") == _OLDER:
                return False
            raise self._map(error) from error
        return True

    def _items(self, keys: Sequence[str]) -> Iterator[dict[str, Any]]:
        asked: dict[str, Any] = {self._name: {"Keys": [{"pk": {"S": key}} for key in keys]}}
        for pause_s in _PAUSES_S:
            time.sleep(pause_s)
            try:
                answer = self._client.batch_get_item(RequestItems=asked)
            except (ClientError, BotoCoreError) as error:
                raise self._map(error) from error
            yield from answer["Responses"].get(self._name, [])
            asked = answer.get("UnprocessedKeys", {})
            if not asked:
                return
        left = len(asked[self._name]["Keys"])
        raise StorageError(f"table {self._name}: left {left} key(s) out in {len(_PAUSES_S)} calls; try again")

    def _map(self, error: Exception) -> StorageError:
        return StorageError(f"table {self._name}: {error}")
