"""Check one model as its schedule says: drift, performance, verdict, and a retraining when it is due."""

from datetime import datetime
from functools import cache
from typing import Any

from everloop.adapters.definitions import load_definition
from everloop.adapters.event_bus import EventBridgeBus
from everloop.adapters.observability import annotate_trace, count, logger
from everloop.adapters.s3_objects import S3ObjectStore
from everloop.adapters.system_clock import SystemClock
from everloop.monitoring.check import ModelChecker
from everloop.settings import CheckModelSettings
from everloop.stores.batches import BatchStore
from everloop.stores.checks import CheckStore
from everloop.stores.predictions import PredictionLog
from everloop.stores.registry import ModelRegistry


@cache
def checker() -> ModelChecker:
    settings = CheckModelSettings.from_env()
    lake = S3ObjectStore(settings.lake_bucket)
    return ModelChecker(
        registry=ModelRegistry(S3ObjectStore(settings.models_bucket)),
        batches=BatchStore(lake),
        log=PredictionLog(lake),
        checks=CheckStore(lake),
        events=EventBridgeBus(settings.event_bus, SystemClock()),
    )


def lambda_handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    annotate_trace(model=event["model"])
    definition = load_definition(event["model"])
    check = checker().check(definition, datetime.fromisoformat(event["scheduled_time"]))
    logger.info("checked", extra={"model": check.model, "verdict": check.verdict, "reasons": check.reasons})
    count("DriftedColumns", len(check.drifted_columns), model=check.model)
    count("UnknownOutcomes", check.unknown_outcomes, model=check.model)
    if check.history_skew:
        count("HistorySkewedPercent", 100 * check.history_skew.share, model=check.model)
    if check.history_problem:
        logger.error("history not checked", extra={"model": check.model, "reason": check.history_problem})
        count("HistoryUnchecked", model=check.model)
    count(f"Verdict-{check.verdict}", model=check.model)
    return check.model_dump(mode="json")
