"""Replay logged traffic through another version: what it would have answered otherwise."""

from functools import cache
from typing import Any

from everloop.adapters.definitions import load_definition
from everloop.adapters.observability import annotate_trace, logger
from everloop.adapters.s3_objects import S3ObjectStore
from everloop.contracts.replays import ReplayRequest
from everloop.monitoring.replay import Replayer
from everloop.settings import ReplayVersionSettings
from everloop.stores.predictions import PredictionLog
from everloop.stores.registry import VersionReader
from everloop.stores.replays import ReplayStore


@cache
def stores() -> tuple[Replayer, ReplayStore]:
    settings = ReplayVersionSettings.from_env()
    lake = S3ObjectStore(settings.lake_bucket)
    registry = VersionReader(S3ObjectStore(settings.models_bucket))
    return Replayer(log=PredictionLog(lake), registry=registry), ReplayStore(lake)


def lambda_handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    request = ReplayRequest.model_validate(event)
    annotate_trace(model=request.model)
    replayer, replays = stores()
    report = replayer.replay(load_definition(request.model), request)
    key = replays.save(report)
    logger.info("replayed", extra={"model": report.model, "version": report.version, "rows": report.rows, "key": key})
    return report.model_dump(mode="json") | {"key": key}
