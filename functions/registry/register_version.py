"""Store a candidate that passed its gates as the next version of its model."""

from functools import cache
from typing import Any

from everloop.adapters.event_bus import EventBridgeBus
from everloop.adapters.s3_objects import S3ObjectStore
from everloop.adapters.system_clock import SystemClock
from everloop.settings import RegisterVersionSettings
from everloop.stores.registry import ModelRegistry
from everloop.stores.work import WorkStore


@cache
def parts() -> tuple[S3ObjectStore, ModelRegistry, EventBridgeBus]:
    settings = RegisterVersionSettings.from_env()
    return (
        S3ObjectStore(settings.lake_bucket),
        ModelRegistry(S3ObjectStore(settings.models_bucket)),
        EventBridgeBus(settings.event_bus, SystemClock()),
    )


def lambda_handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    lake, registry, events = parts()
    model, run_id = event["model"], event["run_id"]
    files = WorkStore(lake, model, run_id).candidate_files()
    version = registry.register(model, run_id, files, now=SystemClock().now())
    events.publish("model.version_created", subject=model, data={"version": version, "run_id": run_id})
    return {"version": version}
