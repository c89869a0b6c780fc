"""Write queued predictions and outcomes to the lake, many messages to a file."""

from functools import cache
from typing import Any

from everloop.adapters.definitions import load_definition
from everloop.adapters.s3_objects import S3ObjectStore
from everloop.adapters.sqs_records import handle_each
from everloop.monitoring.log import Message, parse_message, write_messages
from everloop.settings import LogPredictionsSettings
from everloop.stores.predictions import PredictionLog


@cache
def log() -> PredictionLog:
    return PredictionLog(S3ObjectStore(LogPredictionsSettings.from_env().lake_bucket))


def lambda_handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    messages: list[Message] = []

    def take(body: str) -> None:
        message = parse_message(body)
        load_definition(message.model)  # a message of a model that is no longer deployed goes to the dead letters
        messages.append(message)

    response = handle_each(event, take)
    write_messages(messages, log(), load_definition)
    return response
