"""Metrics printed in embedded metric format are found in a function's log."""

import json
import logging

import pytest

from local.cloud.metrics import Metric, metrics_in


def line(**fields: object) -> str:
    directive = {
        "Namespace": "Everloop",
        "Dimensions": [["service"], ["service", "model"]],
        "Metrics": [{"Name": "rows", "Unit": "Count"}],
    }
    return json.dumps({"_aws": {"Timestamp": 1, "CloudWatchMetrics": [directive]}, **fields})


def test_each_dimension_set_and_each_value_is_a_metric() -> None:
    log = f"START\n{line(service='ingest', model='demand', rows=[1, 2])}\nEND"
    both = {"service": "ingest", "model": "demand"}
    assert list(metrics_in(log)) == [
        Metric("Everloop", "rows", value, "Count", dimensions)
        for dimensions in ({"service": "ingest"}, both)
        for value in (1.0, 2.0)
    ]


def test_a_line_may_begin_with_something_else() -> None:
    assert len(list(metrics_in("2026-01-01 INFO " + line(service="a", model="b", rows=1)))) == 2


@pytest.mark.parametrize(
    "broken", [line(service="a", model="b"), '{"_aws": ', '{"_aws": 1}', line(rows="x", service="a")]
)
def test_a_malformed_line_is_named_and_skipped(broken: str, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        assert list(metrics_in(broken)) == []
    assert "malformed metric line" in caplog.text
