"""Powertools in one place: structured logs, and metrics as EMF lines."""

from aws_lambda_powertools import Logger, single_metric
from aws_lambda_powertools.metrics import MetricUnit

# No Powertools Tracer: its import makes an X-Ray client, and Lambda itself traces each invocation.
logger = Logger()


def count(name: str, value: float = 1, *, model: str) -> None:
    """Add to a metric of this model: one EMF line in the log, no API call."""
    with single_metric(name=name, unit=MetricUnit.Count, value=value) as metric:
        metric.add_dimension(name="model", value=model)
