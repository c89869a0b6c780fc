"""Take what happened just now as rows, and put them where uploads are ingested."""

from functools import cache
from typing import Any

from everloop.adapters.api_gateway import api_handler, json_body, path_parameter, respond
from everloop.adapters.definitions import load_definition
from everloop.adapters.observability import count
from everloop.adapters.s3_objects import HURRIED, S3ObjectStore
from everloop.adapters.system_clock import SystemClock
from everloop.contracts.rows import parse_rows
from everloop.ids import new_id
from everloop.ingestion.events import record_events
from everloop.settings import RecordEventsSettings


@cache
def landing() -> S3ObjectStore:
    return S3ObjectStore(RecordEventsSettings.from_env().landing_bucket, config=HURRIED)


@api_handler
def lambda_handler(event: dict[str, Any]) -> dict[str, Any]:
    definition = load_definition(path_parameter(event, "model"))
    rows = parse_rows(json_body(event), definition)
    recorded = record_events(landing(), definition.name, rows, event_id=new_id(SystemClock().now()))
    count("Events", len(rows), model=definition.name)
    answer = {"model": definition.name, "rows": len(rows), "key": recorded.key, "batch_id": recorded.batch_id}
    return respond(answer, status=202)
