"""Tell what there is: models, versions, cards, plots, histories, monitoring checks, runs and datasets."""

from collections.abc import Callable
from functools import cache
from typing import Any

from everloop.adapters.api_gateway import api_handler, path_parameter, respond, respond_text
from everloop.adapters.definitions import known_models, load_definition
from everloop.adapters.s3_objects import S3ObjectStore
from everloop.adapters.system_clock import SystemClock
from everloop.monitoring.drift import compare
from everloop.registry.datasets import DatasetViews
from everloop.registry.views import ModelViews, Views
from everloop.settings import ReadModelsSettings
from everloop.stores.batches import BatchStore
from everloop.stores.checks import CheckStore
from everloop.stores.datasets import DatasetStore
from everloop.stores.registry import ModelRegistry

Event = dict[str, Any]


@cache
def views() -> Views:
    settings = ReadModelsSettings.from_env()
    registry = ModelRegistry(S3ObjectStore(settings.models_bucket))
    lake = S3ObjectStore(settings.lake_bucket)
    datasets = DatasetViews(
        datasets=DatasetStore(lake), batches=BatchStore(lake), registry=registry, clock=SystemClock(), compare=compare
    )
    return Views(ModelViews(registry, CheckStore(lake)), datasets)


def _model(event: Event) -> str:
    return load_definition(path_parameter(event, "model")).name


def _datasets(event: Event) -> dict[str, Any]:
    """The list, or, asked for a moment, what a training would take."""
    query = event.get("queryStringParameters") or {}
    if not query.keys() & {"as_of", "known_at"}:
        return views().datasets.datasets(_model(event))
    definition = load_definition(path_parameter(event, "model"))
    return views().datasets.planned(definition, query.get("as_of"), query.get("known_at"))


def _history(event: Event) -> dict[str, Any]:
    """The whole history, or, asked for a moment, who was champion then."""
    at = (event.get("queryStringParameters") or {}).get("at")
    models = views().models
    return models.history(_model(event)) if at is None else models.champion_at(_model(event), at)


ROUTES: dict[str, Callable[[Event], dict[str, Any]]] = {
    "/models": lambda _: respond({"models": [views().models.model(load_definition(name)) for name in known_models()]}),
    "/models/{model}": lambda event: respond(views().models.model(load_definition(_model(event)))),
    "/models/{model}/versions": lambda event: respond(views().models.versions(_model(event))),
    "/models/{model}/versions/{version}": lambda event: respond(
        views().models.version(_model(event), path_parameter(event, "version"))
    ),
    "/models/{model}/versions/{version}/card": lambda event: respond_text(
        views().models.card(_model(event), path_parameter(event, "version")), "text/markdown; charset=utf-8"
    ),
    "/models/{model}/versions/{version}/plots/{plot}": lambda event: respond_text(
        views().models.plot(_model(event), path_parameter(event, "version"), path_parameter(event, "plot")),
        "image/svg+xml; charset=utf-8",
    ),
    "/models/{model}/datasets": lambda event: respond(_datasets(event)),
    "/models/{model}/datasets/{version}": lambda event: respond(
        views().datasets.dataset(_model(event), path_parameter(event, "version"))
    ),
    "/models/{model}/datasets/{version}/diff/{other}": lambda event: respond(
        views().datasets.diff(_model(event), path_parameter(event, "version"), path_parameter(event, "other"))
    ),
    "/models/{model}/history": lambda event: respond(_history(event)),
    "/models/{model}/monitoring": lambda event: respond(views().models.monitoring(_model(event))),
    "/models/{model}/runs": lambda event: respond(views().models.runs(_model(event))),
    "/models/{model}/runs/{run_id}": lambda event: respond(
        views().models.run(_model(event), path_parameter(event, "run_id"))
    ),
}


@api_handler
def lambda_handler(event: Event) -> dict[str, Any]:
    return ROUTES[event["resource"]](event)
