"""Ask for a training, a reproduction or an import, promote, roll back, or divide the traffic, on behalf of a person."""

from collections.abc import Callable
from functools import cache
from typing import Any

from everloop.adapters.api_gateway import api_handler, json_body, path_parameter, respond
from everloop.adapters.definitions import load_definition
from everloop.adapters.event_bus import EventBridgeBus
from everloop.adapters.s3_objects import S3ObjectStore
from everloop.adapters.system_clock import SystemClock
from everloop.contracts.registry import parse_version
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


def _model(event: Event) -> str:
    return load_definition(path_parameter(event, "model")).name


def _body(event: Event) -> Any:
    return json_body(event) if event.get("body") else {}


def _caller(event: Event) -> str:
    return (event["requestContext"].get("identity") or {}).get("userArn") or "operator"


def _reproduction(event: Event) -> dict[str, Any]:
    definition = load_definition(path_parameter(event, "model"))
    version = parse_version(definition.name, path_parameter(event, "version"))
    return operations().request_reproduction(definition, version, by=_caller(event))


ROUTES: dict[str, Callable[[Event], dict[str, Any]]] = {
    "/models/{model}/trainings": lambda event: respond(
        operations().request_training(_model(event), _body(event), by=_caller(event)), status=202
    ),
    "/models/{model}/versions/{version}/reproductions": lambda event: respond(_reproduction(event), status=202),
    "/models/{model}/imports": lambda event: respond(
        operations().request_import(load_definition(path_parameter(event, "model")), _body(event), by=_caller(event)),
        status=202,
    ),
    "/models/{model}/promote": lambda event: respond(
        operations().promote(_model(event), _body(event), by=_caller(event))
    ),
    "/models/{model}/rollback": lambda event: respond(
        operations().roll_back(_model(event), _body(event), by=_caller(event))
    ),
    "/models/{model}/traffic": lambda event: respond(
        operations().change_traffic(load_definition(path_parameter(event, "model")), _body(event), by=_caller(event))
    ),
}


@api_handler
def lambda_handler(event: Event) -> dict[str, Any]:
    return ROUTES[event["resource"]](event)
