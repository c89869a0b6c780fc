"""Powertools in one place: structured logs, metrics as EMF lines, traces."""

import json
import os
import time
from collections.abc import Mapping
from functools import cache

from aws_lambda_powertools import Logger, Tracer

logger = Logger()


@cache
def tracer() -> Tracer:
    """Made at first use: it imports the X-Ray SDK, which answers to predictions should not wait for."""
    return Tracer(auto_patch=False)


def annotate_trace(**annotations: str) -> None:
    """Make the invocation's trace findable: `annotation.model = "flight-delay"` in X-Ray."""
    for name, value in annotations.items():
        tracer().put_annotation(name, value)


def count(name: str, value: float = 1, *, model: str) -> None:
    """Add to a metric of this model."""
    count_all({name: value}, model=model)


def count_all(values: Mapping[str, float], *, model: str) -> None:
    """Add to several metrics of this model: one line of CloudWatch's embedded metric format in the log, no API call.

    Written here, since Powertools takes longer for it than a model for its answer.
    """
    dimensions = {"model": model, "service": os.environ.get("POWERTOOLS_SERVICE_NAME", "everloop")}
    about = {
        "Namespace": os.environ.get("POWERTOOLS_METRICS_NAMESPACE", "Everloop"),
        "Dimensions": [list(dimensions)],
        "Metrics": [{"Name": name, "Unit": "Count"} for name in values],
    }
    metadata = {"Timestamp": int(time.time() * 1000), "CloudWatchMetrics": [about]}
    print(json.dumps({"_aws": metadata, **dimensions, **values}))  # noqa: T201  # the log is where metrics are read
