"""What a batch is compared with: found among many batches, and without reading one that does not count."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pytest

from everloop.contracts.batches import BatchReport, BatchStatus
from everloop.contracts.definition import Definition
from everloop.errors import ObjectNotFoundError
from everloop.stores.batches import BatchStore
from everloop.stores.predictions import PredictionLog
from everloop.validation.findings import new_levels, repeated_rows
from everloop.validation.history import History, read_history
from tests.fakes import InMemoryObjectStore
from tests.unit.validation.judged import RECEIVED_AT, define, judged, profile_of, report

DEFINITION = define({"y": "number", "x": "number", "kind": "category", "id": "integer"}, row_id=["id"])
BATCH_ID = "5a4aef6f1e2b3c4d"


@pytest.fixture
def lake() -> InMemoryObjectStore:
    return InMemoryObjectStore()


@pytest.fixture
def batches(lake: InMemoryObjectStore) -> BatchStore:
    return BatchStore(lake)


def save(batches: BatchStore, *reports: BatchReport) -> None:
    for saved in reports:
        batches.save_report(saved)
        batches.record_arrival(saved)


def read(lake: InMemoryObjectStore, folder: Path, definition: Definition = DEFINITION, **more: Any) -> History:
    store, log = BatchStore(lake), PredictionLog(lake)
    return read_history(store, log, definition, before=RECEIVED_AT, batch_id=BATCH_ID, folder=folder, **more)


# Arrivals


def test_the_newest_batches_before_a_moment_are_found_newest_last(batches: BatchStore) -> None:
    reports = [report(days) for days in (400, 35, 29, 3, 0.6, 0.5, 0.4, -0.1)]
    save(batches, *reversed(reports))
    for limit in range(1, 9):
        found = batches.recent("pump", before=RECEIVED_AT, limit=limit)
        assert list(found) == reports[:-1][-limit:]
    assert batches.recent("valve", before=RECEIVED_AT, limit=3) == ()


def test_older_batches_take_the_place_of_those_whose_report_was_deleted(
    batches: BatchStore, lake: InMemoryObjectStore
) -> None:
    reports = [report(days) for days in (400, 35, 29, 3, 0.6, 0.5)]
    save(batches, *reports)
    for deleted in (3, 0.5):
        del lake.objects[f"reports/pump/{report(deleted).batch_id}.json"]
    kept = [reports[0], reports[1], reports[2], reports[4]]
    for limit in range(1, 6):
        assert list(batches.recent("pump", before=RECEIVED_AT, limit=limit)) == kept[-limit:]


def test_batches_received_at_that_very_moment_do_not_count(batches: BatchStore) -> None:
    save(batches, report(0), report(0, batch_id=BATCH_ID))
    assert len(batches.recent("pump", before=RECEIVED_AT, limit=9)) == 0
    assert len(batches.recent("pump", before=RECEIVED_AT + timedelta(microseconds=1), limit=9)) == 2


def test_arrivals_sort_by_time_whatever_their_offset(batches: BatchStore) -> None:
    tokyo = timezone(timedelta(hours=9))
    later, earlier = report(1), report(2)
    moved = later.model_copy(update={"received_at": later.received_at.astimezone(tokyo)})
    save(batches, moved, earlier)
    assert [found.batch_id for found in batches.recent("pump", before=RECEIVED_AT, limit=2)] == [
        earlier.batch_id,
        later.batch_id,
    ]


def test_only_accepted_batches_arrive_and_each_once(batches: BatchStore, lake: InMemoryObjectStore) -> None:
    refused = report(1).model_copy(update={"status": BatchStatus.REJECTED, "reason": "ragged_rows"})
    save(batches, refused, report(2))
    batches.record_arrival(report(2))
    assert [key for key in lake.objects if key.startswith("arrivals/")] == [
        f"arrivals/pump/20260312T092600.000000Z_{report(2).batch_id}"
    ]


# Row keys


def test_row_keys_come_back_as_they_were(batches: BatchStore) -> None:
    keys = np.array([0, 7, 2**64 - 1], np.uint64)
    batches.save_keys("pump", BATCH_ID, keys)
    assert batches.keys("pump", BATCH_ID).tolist() == keys.tolist()
    with pytest.raises(ObjectNotFoundError):
        batches.keys("pump", "0" * 16)


def test_keys_of_earlier_batches_come_newest_first_and_in_bounds(
    batches: BatchStore, lake: InMemoryObjectStore, tmp_path: Path
) -> None:
    huge, without, small = report(4, rows=9_999_999), report(3), report(2, rows=1)
    save(batches, huge, without, small)
    for saved in (huge, small):
        batches.save_keys("pump", saved.batch_id, np.array([1], np.uint64))
    assert [batch_id for batch_id, _ in read(lake, tmp_path).row_keys()] == [small.batch_id]


def test_rows_of_earlier_batches_are_counted_once(
    batches: BatchStore, lake: InMemoryObjectStore, tmp_path: Path
) -> None:
    for days, keys in ((3, [1, 2, 3]), (2, [2, 3, 50]), (1, [])):
        save(batches, report(days, rows=len(keys)))
        batches.save_keys("pump", report(days).batch_id, np.array(keys, np.uint64))
    past = read(lake, tmp_path)
    with judged(DEFINITION, {"y": [1.0]}) as batch:
        for keys, impact in (([0, 1, 2, 3, 4, 99], "compatible"), ([1, 2, 3, 4], "suspicious"), ([1], "suspicious")):
            [finding] = repeated_rows.check(replace(batch, row_keys=np.array(keys, np.uint64)), past)
            assert finding.impact == impact
            assert finding.got.startswith(f"{len({1, 2, 3} & set(keys))} of {len(keys)} rows")
        for fresh in ([], [0, 4, 2**64 - 1]):
            assert list(repeated_rows.check(replace(batch, row_keys=np.array(fresh, np.uint64)), past)) == []
        assert list(repeated_rows.check(replace(batch, row_keys=np.array([1], np.uint64)), History())) == []


# The batch before


def test_the_profile_of_the_batch_before_is_there_unless_it_cannot_be_read(
    batches: BatchStore, lake: InMemoryObjectStore, tmp_path: Path
) -> None:
    assert (read(lake, tmp_path).previous, read(lake, tmp_path).delivered_columns) == (None, ())
    save(batches, report(2), report(1, columns=("y", "x")))
    assert read(lake, tmp_path).previous_profile is None
    profile = profile_of(DEFINITION, {"y": [1.0, None], "kind": ["a", "b"]})
    batches.save_profile("pump", report(1).batch_id, profile.to_json())
    past = read(lake, tmp_path)
    assert (past.previous, past.delivered_columns) == (report(1, columns=("y", "x")), ("y", "x"))
    assert past.previous_profile == profile


def test_a_replay_is_passed_over_when_batches_are_compared(
    batches: BatchStore, lake: InMemoryObjectStore, tmp_path: Path
) -> None:
    source = report().source.model_copy(update={"replay_of": report(4).batch_id})
    profiles = [profile_of(DEFINITION, {"y": [float(days)]}) for days in (4, 3, 2, 1)]
    save(batches, report(4), report(3, source=source), report(2), report(1, source=source))
    for days, profile in zip((4, 3, 2, 1), profiles, strict=True):
        batches.save_profile("pump", report(days).batch_id, profile.to_json())
    past = read(lake, tmp_path)
    assert (past.previous, past.previous_profile) == (report(2), profiles[2])
    assert list(past.earlier_profiles()) == [profiles[0]]


def test_a_level_that_comes_back_is_not_new(batches: BatchStore, lake: InMemoryObjectStore, tmp_path: Path) -> None:
    for days, level in ((3, "winter"), (2, "spring"), (1, "summer")):
        save(batches, report(days, rows=100))
        profile = profile_of(DEFINITION, {"kind": [level] * 100})
        batches.save_profile("pump", report(days).batch_id, profile.to_json())
    past = read(lake, tmp_path)
    for level, found in (("winter", 0), ("autumn", 1)):
        with judged(DEFINITION, {"kind": [level] * 100}) as batch:
            assert len(list(new_levels.check(batch, past))) == found


def test_a_batch_is_not_its_own_history(batches: BatchStore, lake: InMemoryObjectStore, tmp_path: Path) -> None:
    save(batches, report(1, batch_id=BATCH_ID))
    assert read(lake, tmp_path).recent == ()


# Requests


def serve(lake: InMemoryObjectStore, day: datetime, folder: Path, rows: str, number: int = 0) -> None:
    path = folder / f"log-{day:%Y%m%d}-{number}.parquet"
    with duckdb.connect() as database:
        database.execute(f"COPY (SELECT * FROM (VALUES {rows}) t(input_x, input_kind)) TO '{path}' (FORMAT parquet)")
    PredictionLog(lake).append("predictions", "pump", day.date(), path)


def test_what_was_served_lately_is_summed_up(lake: InMemoryObjectStore, tmp_path: Path) -> None:
    assert read(lake, tmp_path).served is None
    serve(lake, RECEIVED_AT, tmp_path, "(1.0, 'a'), (NULL, 'b')")
    serve(lake, RECEIVED_AT - timedelta(days=7), tmp_path, "(2.0, NULL), (NULL, 'a')")
    serve(lake, RECEIVED_AT - timedelta(days=8), tmp_path, "(3.0, 'too old')")
    serve(lake, RECEIVED_AT + timedelta(days=1), tmp_path, "(3.0, 'too new')")
    served = read(lake, tmp_path).served
    assert served is not None
    assert (served.rows, served.null_shares) == (4, {"x": 0.5, "kind": 0.25})
    assert served.levels == {"kind": {"a", "b"}}


def test_what_is_logged_in_the_place_of_personal_data_is_not_compared(
    lake: InMemoryObjectStore, tmp_path: Path
) -> None:
    serve(lake, RECEIVED_AT, tmp_path, "(1.0, '5a4aef6f1e2b3c4d')")
    personal = define({"y": "number", "x": "number", "kind": {"type": "category", "pii": "hash"}})
    served = read(lake, tmp_path, personal).served
    assert served is not None
    assert (served.null_shares, served.levels) == ({"x": 0.0}, {})


def test_where_rows_have_a_time_the_log_of_that_time_counts(lake: InMemoryObjectStore, tmp_path: Path) -> None:
    long_ago = datetime(2013, 7, 4, tzinfo=UTC)
    serve(lake, long_ago + timedelta(days=5), tmp_path, "(1.0, 'a')")
    assert read(lake, tmp_path).served is None
    served = read(lake, tmp_path, last_timestamp=long_ago).served
    assert served is not None
    assert served.rows == 1


def test_only_a_few_files_of_the_log_are_read(lake: InMemoryObjectStore, tmp_path: Path) -> None:
    for number in range(30):
        serve(lake, RECEIVED_AT, tmp_path, f"({number}.0, 'a')", number)
    served = read(lake, tmp_path).served
    assert served is not None
    assert served.rows == 20


def test_a_damaged_log_is_no_fault_of_the_batch(lake: InMemoryObjectStore, tmp_path: Path) -> None:
    lake.put_new(f"predictions/pump/dt={RECEIVED_AT.date()}/damaged.parquet", b"PAR1")
    assert read(lake, tmp_path).served is None
