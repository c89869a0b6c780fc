"""CloudWatch metrics of the functions: `AWS/Lambda` on each path, and those printed in embedded metric format."""

import json
import logging
from collections.abc import Iterator
from typing import Any, NamedTuple

logger = logging.getLogger(__name__)

EMF_MARK = '"_aws"'


class Metric(NamedTuple):
    namespace: str
    name: str
    value: float
    unit: str
    dimensions: dict[str, str]


def metrics_in(log: str) -> Iterator[Metric]:
    """Metrics of all embedded-metric-format lines of a log; a malformed line is named in the server's log.

    Format: https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html
    """
    for line in log.splitlines():
        if EMF_MARK not in line:
            continue
        try:
            yield from _metrics_of(json.loads(line[line.index("{") :]))
        except (KeyError, TypeError, ValueError) as error:
            logger.warning("ignored a malformed metric line (%s: %s): %.200s", type(error).__name__, error, line)


def _metrics_of(document: dict[str, Any]) -> list[Metric]:
    return [
        Metric(
            directive["Namespace"],
            metric["Name"],
            float(value),
            metric.get("Unit", "None"),
            {name: str(document[name]) for name in dimensions},
        )
        for directive in document["_aws"]["CloudWatchMetrics"]
        for dimensions in directive.get("Dimensions") or [[]]
        for metric in directive["Metrics"]
        for value in _values(document[metric["Name"]])
    ]


def _values(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]
