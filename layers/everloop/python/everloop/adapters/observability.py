"""Powertools in one place: structured logs, metrics as EMF lines, traces."""

from aws_lambda_powertools import Logger, Tracer, single_metric
from aws_lambda_powertools.metrics import MetricUnit

logger = Logger()
tracer = Tracer(auto_patch=False)  # patching imports every AWS client: half a second of cold start


def count(name: str, value: float = 1, *, model: str) -> None:
    """Add to a metric of this model: one EMF line in the log, no API call."""
    with single_metric(name=name, unit=MetricUnit.Count, value=value) as metric:
        metric.add_dimension(name="model", value=model)


def measure(name: str, value_ms: float, *, model: str) -> None:
    """Record a duration of this model in milliseconds."""
    with single_metric(name=name, unit=MetricUnit.Milliseconds, value=value_ms) as metric:
        metric.add_dimension(name="model", value=model)
