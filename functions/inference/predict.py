"""Answer a prediction request whatever happens to models, and queue what was answered for the lake."""

from collections.abc import Callable
from datetime import timedelta
from functools import cache, partial
from typing import Any

from everloop.adapters.api_gateway import (
    ApiRequest,
    Response,
    answered,
    problem,
    refusal,
    respond,
    respond_binary,
    respond_empty,
)
from everloop.adapters.definitions import known_models, load_definition, load_rules
from everloop.adapters.hurried import HurriedItems, HurriedObjects, HurriedQueue
from everloop.adapters.observability import count_all, logger
from everloop.adapters.system_clock import SystemClock
from everloop.contracts.definition import Definition
from everloop.errors import ModelUnavailableError, StorageError
from everloop.inference.history import HistoryLookup
from everloop.inference.predictor import Predictor
from everloop.inference.protocols import ROUTES
from everloop.inference.protocols.protocol import Endpoint, Refuse, Route
from everloop.inference.readiness import Readiness
from everloop.inference.rules import Rules
from everloop.inference.service import PredictionService, Reply
from everloop.inference.versions import Versions
from everloop.settings import PredictSettings


@cache
def endpoint() -> Endpoint:
    settings = PredictSettings.from_env()
    clock = SystemClock()
    max_age = timedelta(seconds=settings.aliases_max_age_s)
    versions = Versions(HurriedObjects(settings.models_bucket, clock), clock, max_age)
    history = HistoryLookup(HurriedItems(settings.history_table, clock), clock)
    rules = cache(open_rules)
    predictor = Predictor(versions, history, lambda definition: rules(definition.name))
    service = PredictionService(predictor, HurriedQueue(settings.prediction_queue_url, clock), clock)
    return Endpoint(service, Readiness(versions), load_definition, known_models, report)


def open_rules(model: str) -> Rules | None:
    graph = load_rules(model)
    return Rules(graph, load_definition(model)) if graph else None


def lambda_handler(event: dict[str, Any], context: object) -> Response:
    return respond_to(event, endpoint())


def respond_to(event: dict[str, Any], asked: Endpoint) -> Response:
    route = ROUTES[f"{event['httpMethod']} {event['resource']}"]
    return answered(partial(answer, route, asked), event, in_words(route.refuse) if route.refuse else problem)


def answer(route: Route, asked: Endpoint, event: dict[str, Any]) -> Response:
    body, status, headers = route.handle(ApiRequest(event), asked)
    if isinstance(body, bytes):
        return respond_binary(body, headers)
    return respond_empty(status) if body is None else respond(body, status)


def in_words(refuse: Refuse) -> Callable[..., Response]:
    """The refusals of a protocol that does not know problem documents."""
    return lambda status, _, detail, problems: refusal(status, refuse(status, detail, problems))


def report(definition: Definition, reply: Reply) -> None:
    """One line of metrics, and one of the log for each failure that did not keep the answer from being given."""
    metrics = {"Predictions": float(len(reply.predictions))}
    if reply.fallbacks:
        metrics["Fallbacks"] = reply.fallbacks
    if definition.histories:
        metrics["HistoryMisses"] = reply.history_misses
    for failure in reply.failures:
        logger.error("an answer lacked something", extra={"model": definition.name, "reason": str(failure)})
        kind = type(failure).__name__
        metrics[kind] = metrics.get(kind, 0) + 1
        if isinstance(failure, ModelUnavailableError):
            metrics["ModelFailures"] = metrics.get("ModelFailures", 0) + 1
        elif isinstance(failure, StorageError):
            metrics["StorageFailures"] = metrics.get("StorageFailures", 0) + 1
    count_all(metrics, model=definition.name)
