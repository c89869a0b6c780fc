"""Tell what there is: models, versions, cards, histories, monitoring checks and runs."""

from collections.abc import Callable
from functools import cache
from typing import Any

from everloop.adapters.api_gateway import api_handler, path_parameter, respond, respond_text
from everloop.adapters.definitions import known_models, load_definition
from everloop.adapters.s3_objects import S3ObjectStore
from everloop.registry.views import ModelViews
from everloop.settings import ReadModelsSettings
from everloop.stores.checks import CheckStore
from everloop.stores.registry import ModelRegistry

Event = dict[str, Any]


@cache
def views() -> ModelViews:
    settings = ReadModelsSettings.from_env()
    return ModelViews(
        ModelRegistry(S3ObjectStore(settings.models_bucket)), CheckStore(S3ObjectStore(settings.lake_bucket))
    )


def _model(event: Event) -> str:
    return load_definition(path_parameter(event, "model")).name


ROUTES: dict[str, Callable[[Event], dict[str, Any]]] = {
    "/models": lambda _: respond({"models": [views().model(load_definition(name)) for name in known_models()]}),
    "/models/{model}": lambda event: respond(views().model(load_definition(_model(event)))),
    "/models/{model}/versions": lambda event: respond(views().versions(_model(event))),
    "/models/{model}/versions/{version}": lambda event: respond(
        views().version(_model(event), path_parameter(event, "version"))
    ),
    "/models/{model}/versions/{version}/card": lambda event: respond_text(
        views().card(_model(event), path_parameter(event, "version")), "text/markdown; charset=utf-8"
    ),
    "/models/{model}/history": lambda event: respond(views().history(_model(event))),
    "/models/{model}/monitoring": lambda event: respond(views().monitoring(_model(event))),
    "/models/{model}/runs/{run_id}": lambda event: respond(views().run(_model(event), path_parameter(event, "run_id"))),
}


@api_handler
def lambda_handler(event: Event) -> dict[str, Any]:
    return ROUTES[event["resource"]](event)
