"""Keep the histories of entities where predictions read them, as batches are accepted and trainings begin."""

import json
from collections.abc import Sequence
from functools import cache
from typing import Any

from everloop.adapters.definitions import load_definition
from everloop.adapters.dynamodb_table import DynamoDbTable
from everloop.adapters.observability import count, logger
from everloop.adapters.s3_objects import S3ObjectStore
from everloop.adapters.sqs_records import handle_groups
from everloop.adapters.system_clock import SystemClock
from everloop.materialization.materialization import Materialization
from everloop.settings import MaterializeHistorySettings
from everloop.stores.batches import BatchStore
from everloop.stores.history import HistoryStore


@cache
def materialization() -> Materialization:
    settings = MaterializeHistorySettings.from_env()
    return Materialization(
        batches=BatchStore(S3ObjectStore(settings.lake_bucket)),
        states=HistoryStore(DynamoDbTable(settings.history_table, SystemClock())),
        definition_of=load_definition,
        clock=SystemClock(),
    )


def model_of(body: str) -> str:
    return str(json.loads(body)["subject"])


def materialize(model: str, bodies: Sequence[str]) -> None:
    """Several batches of a model are brought in by one look at the lake."""
    told = [json.loads(body) for body in bodies]
    batch_ids = {each["data"]["batch_id"] for each in told if each["type"] == "batch.accepted"}
    done = materialization().materialize(model, batch_ids)
    logger.info("histories kept", extra={"model": model, "entities": done.entities, "too_large": done.too_large})
    count("HistoryEntities", done.entities, model=model)
    if done.too_large:
        logger.error(
            "more happened to some entities than an item holds", extra={"model": model, "too_large": done.too_large}
        )
        count("HistoryTooLarge", done.too_large, model=model)


def lambda_handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    return handle_groups(event, model_of, materialize)
