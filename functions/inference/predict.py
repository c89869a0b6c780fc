"""Answer one prediction request with the champion model, and queue what was answered for the lake."""

from datetime import timedelta
from functools import cache
from typing import Any

from everloop.adapters.api_gateway import api_handler, json_body, path_parameter, respond
from everloop.adapters.definitions import load_definition
from everloop.adapters.hurried import HurriedItems, HurriedObjects, HurriedQueue
from everloop.adapters.observability import count, logger
from everloop.adapters.system_clock import SystemClock
from everloop.ids import new_id
from everloop.inference.history import HistoryLookup
from everloop.inference.predictor import Predictor
from everloop.inference.service import PredictionService
from everloop.settings import PredictSettings
from everloop.stores.registry import VersionReader


@cache
def service() -> PredictionService:
    settings = PredictSettings.from_env()
    clock = SystemClock()
    return PredictionService(
        predictor=Predictor(
            VersionReader(HurriedObjects(settings.models_bucket, clock)),
            HistoryLookup(HurriedItems(settings.history_table, clock), clock),
            clock,
            aliases_max_age=timedelta(seconds=settings.aliases_max_age_s),
        ),
        queue=HurriedQueue(settings.prediction_queue_url, clock),
        clock=clock,
        next_id=lambda: new_id(clock.now()),
    )


@api_handler
def lambda_handler(event: dict[str, Any]) -> dict[str, Any]:
    definition = load_definition(path_parameter(event, "model"))
    version = event["pathParameters"].get("version")
    reply = service().answer(definition, json_body(event), pinned_version=version)
    count("Predictions", len(reply.body["predictions"]), model=definition.name)
    if definition.histories:
        count("HistoryMisses", reply.history_misses, model=definition.name)
    for failure in reply.failures:
        logger.error("an answer lacked something", extra={"model": definition.name, "reason": str(failure)})
        count(type(failure).__name__, model=definition.name)
    return respond(reply.body)
