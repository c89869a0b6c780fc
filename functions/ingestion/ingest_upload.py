"""Stage the files that were uploaded to the landing bucket, or say why they cannot be used."""

from functools import cache
from typing import Any

from everloop.adapters.definitions import known_models, load_definition
from everloop.adapters.event_bus import EventBridgeBus
from everloop.adapters.observability import count, logger
from everloop.adapters.s3_objects import S3ObjectStore
from everloop.adapters.sqs_records import handle_each
from everloop.adapters.system_clock import SystemClock
from everloop.contracts.s3_events import parse_created_objects
from everloop.ingestion.ingestion import Ingestion
from everloop.reading.limits import KIB, MIB, Limits
from everloop.settings import IngestUploadSettings
from everloop.stores.batches import BatchStore


@cache
def ingestion() -> Ingestion:
    settings = IngestUploadSettings.from_env()
    return Ingestion(
        landing=cache(S3ObjectStore),
        batches=BatchStore(S3ObjectStore(settings.lake_bucket)),
        events=EventBridgeBus(settings.event_bus, SystemClock()),
        definition_of=load_definition,
        limits=Limits(
            file_bytes=settings.maximum_file_mib * MIB,
            unpacked_bytes=settings.maximum_unpacked_mib * MIB,
            unpacking_ratio=settings.maximum_unpacking_ratio,
            columns=settings.maximum_columns,
            field_bytes=settings.maximum_field_kib * KIB,
        ),
    )


def ingest_uploads(message: str) -> None:
    for upload in parse_created_objects(message):
        ingested = ingestion().ingest(upload)
        logger.info("upload ingested", extra={"key": upload.key, **ingested._asdict()})
        # The folder's name is the uploader's choice; as a dimension each invented one would be a metric to pay for.
        model = ingested.model if ingested.model in known_models() else "unknown"
        count(f"Uploads{ingested.outcome.capitalize()}", model=model)


def lambda_handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    return handle_each(event, ingest_uploads)
