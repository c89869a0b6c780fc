"""Judge the experiments that run, by schedule, or tell an operator how one does."""

from collections.abc import Sequence
from datetime import datetime
from functools import cache
from typing import Any

from everloop.adapters.api_gateway import api_handler, path_parameter, respond
from everloop.adapters.definitions import known_models, load_definition
from everloop.adapters.event_bus import EventBridgeBus
from everloop.adapters.observability import annotate_trace, count, logger
from everloop.adapters.s3_objects import S3ObjectStore
from everloop.adapters.system_clock import SystemClock
from everloop.contracts.experiments import ExperimentReport
from everloop.ids import new_id
from everloop.monitoring.digests import Digests
from everloop.monitoring.experiment import TrafficJudge
from everloop.registry.operations import Operations
from everloop.settings import JudgeTrafficSettings
from everloop.stores.experiments import ExperimentStore
from everloop.stores.predictions import PredictionLog
from everloop.stores.registry import ModelRegistry

Event = dict[str, Any]

A_TURN_S = 300
"""As often as the schedule asks."""


@cache
def judge() -> TrafficJudge:
    settings = JudgeTrafficSettings.from_env()
    clock = SystemClock()
    registry = ModelRegistry(S3ObjectStore(settings.models_bucket))
    lake = S3ObjectStore(settings.lake_bucket)
    events = EventBridgeBus(settings.event_bus, clock)
    return TrafficJudge(
        registry=registry,
        log=PredictionLog(lake),
        digests=Digests(lake),
        reports=ExperimentStore(lake),
        events=events,
        control=Operations(registry, events, clock, next_id=lambda: new_id(clock.now())),
    )


@api_handler
def tell(event: Event) -> dict[str, Any]:
    definition = load_definition(path_parameter(event, "model"))
    return respond(judge().tell(definition, SystemClock().now()))


def report(judged: ExperimentReport) -> None:
    annotate_trace(model=judged.model)
    logger.info("judged", extra={"model": judged.model, "verdict": judged.verdict, "reasons": judged.reasons})
    if judged.decides and judged.verdict == "abort" and judged.went_wrong:
        count("ExperimentAborted", model=judged.model)


def in_turn(models: Sequence[str], moment: datetime) -> list[str]:
    """Another one is the first at each look: whose log takes all of the time costs the others some looks, not all."""
    first = int(moment.timestamp() / A_TURN_S) % max(len(models), 1)
    return [*models[first:], *models[:first]]


def lambda_handler(event: Event, context: object) -> dict[str, Any]:
    if "resource" in event:
        return tell(event, context)
    moment = datetime.fromisoformat(event["scheduled_time"])
    verdicts: dict[str, Any] = {}
    failures: list[Exception] = []
    for model in in_turn(known_models(), moment):
        try:
            judged = judge().judge(load_definition(model), moment)
        except Exception as error:  # noqa: BLE001  # whatever it was: the other models' experiments are judged all the same
            failures.append(error)
            continue
        if judged:
            report(judged)
            verdicts[model] = judged.verdict
    if failures:
        raise ExceptionGroup("expected every experiment to be judged", failures)
    return verdicts
