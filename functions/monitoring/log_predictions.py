"""Write queued predictions and outcomes to the lake, many messages to a file."""

from collections.abc import Sequence
from functools import cache
from typing import Any

from everloop.adapters.definitions import load_definition
from everloop.adapters.observability import logger
from everloop.adapters.s3_objects import S3ObjectStore
from everloop.adapters.sqs_records import handle_each
from everloop.monitoring.log import Message, parse_message, write_messages
from everloop.monitoring.shadow import Challengers
from everloop.settings import LogPredictionsSettings
from everloop.stores.predictions import PredictionLog
from everloop.stores.registry import VersionReader


@cache
def stores() -> tuple[PredictionLog, Challengers]:
    settings = LogPredictionsSettings.from_env()
    versions = VersionReader(S3ObjectStore(settings.models_bucket))
    return PredictionLog(S3ObjectStore(settings.lake_bucket)), Challengers(versions)


def read(body: str) -> Message:
    message = parse_message(body)
    load_definition(message.model)  # a message of a model that is no longer deployed goes to the dead letters
    return message


def write(messages: Sequence[Message]) -> None:
    log, challengers = stores()
    write_messages(messages, log, load_definition, challengers)


def lambda_handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    messages: list[Message] = []
    response = handle_each(event, lambda body: messages.append(read(body)))
    try:
        write(messages)
    except Exception:  # noqa: BLE001  # whatever it was: written one by one, only the messages that cause it come back
        logger.exception("the batch cannot be written as a whole")
        return handle_each(event, lambda body: write([read(body)]))
    return response
