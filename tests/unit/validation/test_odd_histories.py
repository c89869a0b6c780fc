"""Histories that real life makes: rows of the year 9999, replays, and reports that a person deleted."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from everloop.stores.batches import BatchStore
from everloop.stores.predictions import PredictionLog
from everloop.validation.history import read_history
from tests.fakes import InMemoryObjectStore
from tests.unit.validation.conftest import BATCH_ID, World, define
from tests.unit.validation.judged import RECEIVED_AT, report


@pytest.mark.parametrize("moment", ["9999-12-31", "0001-01-01"])
def test_a_row_of_the_first_or_the_last_day_there_is_is_judged(moment: str) -> None:
    world = World(define({"at": "timestamp"}, timestamp="at"))
    assert world.validate({"at": moment}).rows.accepted == 1


def test_a_replay_is_not_the_batch_before(tmp_path: Path) -> None:
    lake = InMemoryObjectStore()
    batches = BatchStore(lake)
    original, replay = report(2), report(1)
    replay = replay.model_copy(update={"source": replay.source.model_copy(update={"replay_of": original.batch_id})})
    for saved in (original, replay):
        batches.save_report(saved)
        batches.record_arrival(saved)
    history = read_history(
        batches, PredictionLog(lake), define({}), before=RECEIVED_AT, batch_id="new", folder=tmp_path
    )
    assert history.recent == (original, replay)
    assert history.previous == original


def test_a_report_that_a_person_deleted_is_passed_over() -> None:
    lake = InMemoryObjectStore()
    batches = BatchStore(lake)
    for days in (3, 2, 1):
        batches.save_report(report(days))
        batches.record_arrival(report(days))
    del lake.objects[f"reports/pump/{report(2).batch_id}.json"]
    assert batches.recent("pump", before=datetime(2030, 1, 1, tzinfo=UTC), limit=5) == (report(3), report(1))


@pytest.mark.parametrize(
    ("replay_of", "alarms"),
    [(None, {"new_column", "fewer_levels", "nulls_jumped", "too_many_nulls", "single_target"}), ("0" * 16, set())],
)
def test_a_replay_is_compared_with_nothing(replay_of: str | None, alarms: set[str]) -> None:
    """A selection of rows that were invalid once has nulls, levels and columns of its own."""
    v = {"type": "number", "maximum_null_share": 0.1}
    world = World(define({"kind": {"type": "category", "allowed": ["a", "b"]}, "v": v}))
    world.stage([{"kind": "ab"[i % 2], "v": "1"} for i in range(1_000)], "0" * 16)
    world.validation.validate("pump", "0" * 16)
    world.stage([{"kind": "a", "v": None, "new": "1"}] * 1_000)
    staged = world.batches.staged("pump", BATCH_ID)
    later = staged.model_copy(
        update={
            "source": staged.source.model_copy(update={"replay_of": replay_of}),
            "received_at": staged.received_at + timedelta(hours=1),
        }
    )
    world.lake.objects[f"staged/pump/{BATCH_ID}.json"] = later.model_dump_json().encode()
    assert {finding.reason for finding in world.validation.validate("pump", BATCH_ID).findings} == alarms
