"""Make the version that passed its gates the champion, or put it on trial, if it was judged against the present one."""

from functools import cache
from typing import Any

from everloop.adapters.definitions import load_definition
from everloop.adapters.event_bus import EventBridgeBus
from everloop.adapters.s3_objects import S3ObjectStore
from everloop.adapters.system_clock import SystemClock
from everloop.ids import new_id
from everloop.registry.operations import Operations
from everloop.settings import SetAliasSettings
from everloop.stores.registry import ModelRegistry


@cache
def operations() -> Operations:
    settings = SetAliasSettings.from_env()
    clock = SystemClock()
    return Operations(
        ModelRegistry(S3ObjectStore(settings.models_bucket)),
        EventBridgeBus(settings.event_bus, clock),
        clock,
        next_id=lambda: new_id(clock.now()),
    )


def lambda_handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    introduced = operations().introduce(
        load_definition(event["model"]),
        event["version"],
        mode=event.get("mode", "automatic"),  # unknown to a run that began before this was deployed
        against=event["against"],
        reason=event["reason"],
        run_id=event["run_id"],
    )
    return {
        "promoted": introduced.status == "promoted",
        "challenging": introduced.status == "challenging",
        "detail": introduced.detail,
        "champion": introduced.aliases.champion,
        "epoch": introduced.aliases.epoch,
    }
