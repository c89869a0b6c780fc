"""Take what really happened after predictions, and queue it for the lake."""

from functools import cache
from typing import Any

from everloop.adapters.api_gateway import api_handler, json_body, path_parameter, respond
from everloop.adapters.definitions import load_definition
from everloop.adapters.hurried import HurriedQueue
from everloop.adapters.observability import count
from everloop.adapters.system_clock import SystemClock
from everloop.inference.records import message_bodies, parse_outcomes
from everloop.settings import RecordOutcomeSettings


@cache
def queue() -> HurriedQueue:
    return HurriedQueue(RecordOutcomeSettings.from_env().prediction_queue_url, SystemClock())


@api_handler
def lambda_handler(event: dict[str, Any]) -> dict[str, Any]:
    definition = load_definition(path_parameter(event, "model"))
    message = parse_outcomes(json_body(event), definition, now=SystemClock().now())
    for body in message_bodies(message.model_dump(mode="json")):
        queue().send(body)
    count("Outcomes", len(message.records), model=definition.name)
    return respond({"model": definition.name, "recorded": len(message.records)}, status=202)
