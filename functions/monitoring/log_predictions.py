"""Write queued predictions and outcomes to the lake, many messages to a file."""

from functools import cache
from typing import Any

from pydantic import ValidationError

from everloop.adapters.definitions import load_definition
from everloop.adapters.observability import logger
from everloop.adapters.s3_objects import S3ObjectStore
from everloop.errors import NotFoundError
from everloop.monitoring.log import parse_message, write_messages
from everloop.settings import LogPredictionsSettings
from everloop.stores.predictions import PredictionLog


@cache
def log() -> PredictionLog:
    return PredictionLog(S3ObjectStore(LogPredictionsSettings.from_env().lake_bucket))


def lambda_handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    messages, failed = [], []
    for record in event["Records"]:
        try:
            message = parse_message(record["body"])
            load_definition(message.model)
            messages.append(message)
        except (ValidationError, NotFoundError) as error:
            logger.error("a message cannot be logged", extra={"id": record["messageId"], "reason": str(error)[:2000]})
            failed.append(record["messageId"])
    write_messages(messages, log(), load_definition)
    return {"batchItemFailures": [{"itemIdentifier": identifier} for identifier in failed]}
