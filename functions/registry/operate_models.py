"""Ask for a training, promote a version, or roll back, on behalf of a person."""

from collections.abc import Callable
from functools import cache
from typing import Any

from everloop.adapters.api_gateway import api_handler, json_body, path_parameter, respond
from everloop.adapters.definitions import load_definition
from everloop.adapters.event_bus import EventBridgeBus
from everloop.adapters.s3_objects import S3ObjectStore
from everloop.adapters.system_clock import SystemClock
from everloop.ids import new_id
from everloop.registry.operations import Operations
from everloop.settings import OperateModelsSettings
from everloop.stores.registry import ModelRegistry

Event = dict[str, Any]


@cache
def operations() -> Operations:
    settings = OperateModelsSettings.from_env()
    clock = SystemClock()
    return Operations(
        ModelRegistry(S3ObjectStore(settings.models_bucket)),
        EventBridgeBus(settings.event_bus, clock),
        clock,
        next_id=lambda: new_id(clock.now()),
    )


ROUTES: dict[str, Callable[[str, Any, str], dict[str, Any]]] = {
    "/models/{model}/trainings": lambda model, body, by: respond(
        operations().request_training(model, body, by=by), status=202
    ),
    "/models/{model}/promote": lambda model, body, by: respond(operations().promote(model, body, by=by)),
    "/models/{model}/rollback": lambda model, body, by: respond(operations().roll_back(model, body, by=by)),
}


@api_handler
def lambda_handler(event: Event) -> dict[str, Any]:
    model = load_definition(path_parameter(event, "model")).name
    body = json_body(event) if event.get("body") else {}
    caller = (event["requestContext"].get("identity") or {}).get("userArn") or "operator"
    return ROUTES[event["resource"]](model, body, caller)
