"""Rows sent as events end as a file that ingestion can read, or are refused before there is one."""

import json
from typing import Any

import pytest

from everloop.errors import MalformedBodyError
from everloop.ingestion.events import record_events
from everloop.ingestion.ingestion import Outcome
from tests.fakes import InMemoryObjectStore
from tests.unit.ingestion.conftest import World

ROW = {"speed": 1.5, "kind": "Zahnrad-Ölpumpe", "broken": True}


@pytest.mark.parametrize(
    "rows",
    [
        [ROW],
        [ROW, {**ROW, "speed": 3}],
        [ROW, {}],
        [{"speed": 1, "broken": None}, {"broken": 0, "speed": "1"}],
        [{**ROW, "kind": 'a "quoted"\r\n, text\u2028\0 𝄞'}],
        [{**ROW, "kind": [1, {"a": None}]}, {**ROW, "colour": "red"}],
        [{**ROW, "speed": 10**400}, {**ROW, "speed": -0.0}],
    ],
    ids=["one", "two", "an empty one", "no text", "odd text", "odd columns", "odd numbers"],
)
def test_what_is_recorded_is_staged(world: World, rows: list[dict[str, Any]]) -> None:
    recorded = record_events(world.landing, "pump", rows, event_id="0195510a")
    assert recorded.key == "uploads/pump/events-0195510a.jsonl"
    ingested = world.upload(world.landing.objects[recorded.key], recorded.key)
    assert (ingested.outcome, ingested.batch_id) == (Outcome.STAGED, recorded.batch_id)
    assert [json.loads(line) for line in world.landing.objects[recorded.key].split(b"\n")[:-1]] == rows


@pytest.mark.parametrize("value", [float("inf"), float("nan"), "\ud800", {"\udfff": 1}], ids=repr)
def test_a_row_that_would_spoil_the_file_is_named_and_nothing_is_kept(value: Any) -> None:
    landing = InMemoryObjectStore()
    with pytest.raises(MalformedBodyError, match=r"rows\[1\]: expected"):
        record_events(landing, "pump", [ROW, {**ROW, "kind": value}], event_id="1")
    assert landing.objects == {}
