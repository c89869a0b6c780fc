"""Answer a prediction request whatever happens to models, and queue what was answered for the lake."""

from datetime import timedelta
from functools import cache
from typing import Any

from everloop.adapters.api_gateway import api_handler, json_body, path_parameter, respond
from everloop.adapters.definitions import load_definition, load_rules
from everloop.adapters.hurried import HurriedItems, HurriedObjects, HurriedQueue
from everloop.adapters.observability import count_all, logger
from everloop.adapters.system_clock import SystemClock
from everloop.contracts.definition import Definition
from everloop.contracts.rows import parse_rows
from everloop.errors import ModelUnavailableError, StorageError
from everloop.inference.history import HistoryLookup
from everloop.inference.predictor import Predictor
from everloop.inference.rules import Rules
from everloop.inference.service import PredictionService, Reply
from everloop.inference.versions import Versions
from everloop.settings import PredictSettings


@cache
def service() -> PredictionService:
    settings = PredictSettings.from_env()
    clock = SystemClock()
    max_age = timedelta(seconds=settings.aliases_max_age_s)
    predictor = Predictor(
        Versions(HurriedObjects(settings.models_bucket, clock), clock, max_age),
        HistoryLookup(HurriedItems(settings.history_table, clock), clock),
        rules_of,
    )
    return PredictionService(predictor, HurriedQueue(settings.prediction_queue_url, clock), clock)


@cache
def _rules(name: str) -> Rules | None:
    graph = load_rules(name)
    return Rules(graph, load_definition(name)) if graph else None


def rules_of(definition: Definition) -> Rules | None:
    return _rules(definition.name)


@api_handler
def lambda_handler(event: dict[str, Any]) -> dict[str, Any]:
    definition = load_definition(path_parameter(event, "model"))
    version = event["pathParameters"].get("version")
    reply = service().answer(definition, parse_rows(json_body(event), definition), pinned_version=version)
    report(definition, reply)
    return respond({"model": reply.model, "version": reply.version, "predictions": reply.predictions})


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
