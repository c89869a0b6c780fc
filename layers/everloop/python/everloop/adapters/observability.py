"""Powertools in one place: structured logs, metrics as EMF lines, traces."""

from functools import cache

from aws_lambda_powertools import Logger, Tracer, single_metric
from aws_lambda_powertools.metrics import MetricUnit

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
    """Add to a metric of this model: one EMF line in the log, no API call."""
    with single_metric(name=name, unit=MetricUnit.Count, value=value) as metric:
        metric.add_dimension(name="model", value=model)
