"""Record how a training run ended, and announce it."""

from functools import cache
from typing import Any

from everloop.adapters.event_bus import EventBridgeBus
from everloop.adapters.observability import count, logger
from everloop.adapters.s3_objects import S3ObjectStore
from everloop.adapters.system_clock import SystemClock
from everloop.registry.runs import finish_run
from everloop.settings import FinishRunSettings
from everloop.stores.registry import ModelRegistry


@cache
def parts() -> tuple[ModelRegistry, EventBridgeBus, SystemClock]:
    settings = FinishRunSettings.from_env()
    clock = SystemClock()
    return ModelRegistry(S3ObjectStore(settings.models_bucket)), EventBridgeBus(settings.event_bus, clock), clock


def lambda_handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    registry, events, clock = parts()
    report = finish_run(
        event["state"],
        event["status"],
        registry=registry,
        events=events,
        clock=clock,
        started_at=event.get("started_at"),  # unknown to a run that began before this was deployed
    )
    logger.info("training run ended", extra={"model": report.model, "status": report.status, "reason": report.reason})
    count(f"TrainingRun{report.status.capitalize()}", model=report.model)
    return {"status": report.status, "version": report.version}
