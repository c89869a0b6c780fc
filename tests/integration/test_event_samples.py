"""Samples are tests: each JSON under events/ is named by one."""

import json
from pathlib import Path

import pytest

from tests.samples import EVENTS

TESTS = "\n".join(
    path.read_text("utf-8") for path in Path(__file__).parents[1].rglob("test_*.py") if path != Path(__file__)
)


@pytest.mark.parametrize("path", sorted(EVENTS.glob("*/*.json")), ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_each_sample_is_used_by_a_test(path: Path) -> None:
    json.loads(path.read_text("utf-8"))
    assert f"{path.parent.name}/{path.name}" in TESTS or f'"{path.stem}"' in TESTS
