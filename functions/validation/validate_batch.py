"""Judge the rows of the batches that were staged in the lake, and make the valid ones visible."""

from functools import cache
from typing import Any

from everloop.adapters.definitions import load_definition
from everloop.adapters.event_bus import EventBridgeBus
from everloop.adapters.observability import count, logger
from everloop.adapters.s3_objects import S3ObjectStore
from everloop.adapters.sqs_records import handle_each
from everloop.adapters.system_clock import SystemClock
from everloop.contracts.s3_events import parse_created_objects
from everloop.reading.limits import KIB, Limits
from everloop.settings import ValidateBatchSettings
from everloop.stores.batches import BatchStore, parse_staged_key
from everloop.stores.predictions import PredictionLog
from everloop.validation.validation import Validation


@cache
def validation() -> Validation:
    settings = ValidateBatchSettings.from_env()
    lake = S3ObjectStore(settings.lake_bucket)
    return Validation(
        batches=BatchStore(lake),
        predictions=PredictionLog(lake),
        events=EventBridgeBus(settings.event_bus, SystemClock()),
        definition_of=load_definition,
        limits=Limits(field_bytes=settings.maximum_field_kib * KIB),
    )


def validate_batches(message: str) -> None:
    for staged in parse_created_objects(message):
        report = validation().validate(*parse_staged_key(staged.key))
        rows = report.rows.model_dump()
        logger.info("batch judged", extra={"batch_id": report.batch_id, "status": report.status, "rows": rows})
        for outcome, number in rows.items():
            count(f"Rows{outcome.capitalize()}", number, model=report.model)


def lambda_handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    return handle_each(event, validate_batches)
