"""Each finding is made where it should, and not where it should not."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from importlib import import_module
from typing import Any

import numpy as np
import pytest

from everloop.contracts.batches import Finding, Format, Reading, RowCounts, Source
from everloop.validation.batch import JudgedBatch
from everloop.validation.findings import find
from everloop.validation.history import History, Served
from tests.unit.validation.judged import RECEIVED_AT, define, history, judged, report

PLAIN = define({"y": "number", "x": "number", "kind": "category"})
TIMED = define({"y": "number", "x": "number", "at": "timestamp"}, timestamp="at")
RNG = np.random.default_rng(5)
SCHEMA_CHANGES = {"absent_column", "fewer_levels", "new_column", "new_levels", "reordered_columns"}
Told = list[tuple[str, str | None]]


def told(found: Sequence[Finding]) -> Told:
    return [(finding.impact.value, finding.column) for finding in found]


def check(reason: str, batch: JudgedBatch, past: History) -> list[Finding]:
    found = list(import_module(f"everloop.validation.findings.{reason}").check(batch, past))
    assert all(finding.reason == reason for finding in found)
    assert all(finding.is_schema_change == (reason in SCHEMA_CHANGES) for finding in found)
    return found


def columns(rows: int = 1_000, **changed: Any) -> dict[str, Any]:
    return {"y": RNG.normal(size=rows), "x": RNG.normal(size=rows), "kind": ["a", "b"] * (rows // 2)} | changed


def test_an_ordinary_batch_after_an_ordinary_batch_has_no_finding() -> None:
    with judged(PLAIN, columns()) as batch:
        assert find(batch, history(PLAIN, columns())) == ()
        assert find(batch, History()) == ()


@pytest.mark.parametrize("rows", [0, 1])
def test_batches_of_next_to_no_rows_raise_nothing(rows: int) -> None:
    definition = define(
        {"y": {"type": "boolean"}, "at": "timestamp", "kind": "category", "n": "integer", "t": "text", "b": "boolean"},
        task="binary-classification",
        timestamp="at",
    )
    nothing: dict[str, Any] = {name: [None] * rows for name in definition.columns}
    served = Served(1_000, dict.fromkeys(nothing, 0.0), {"kind": frozenset("ab")})
    past = replace(history(definition, nothing), served=served)
    with judged(definition, nothing) as batch:
        for before in (past, History(), replace(past, recent=past.recent * 9)):
            assert {finding.reason for finding in find(batch, before)} <= {"unusual_row_count"}


# Schema


def test_an_undeclared_column_is_new_once() -> None:
    reading = Reading(format=Format.DELIMITED, columns=("y", "x", "kind", "extra", "_row"))
    with judged(PLAIN, columns(), reading=reading) as batch:
        assert check("new_column", batch, History()) == []
        assert told(check("new_column", batch, history(PLAIN, columns()))) == [("compatible", "extra")]
        assert check("new_column", batch, history(PLAIN, columns(extra=[1.0]))) == []


def test_a_column_that_is_gone_is_suspicious_and_one_that_never_came_is_not() -> None:
    without = columns()
    del without["kind"]
    with judged(PLAIN, without) as batch:
        assert told(check("absent_column", batch, History())) == [("compatible", "kind")]
        assert told(check("absent_column", batch, history(PLAIN, without))) == [("compatible", "kind")]
        assert told(check("absent_column", batch, history(PLAIN, columns()))) == [("suspicious", "kind")]
        assert check("nulls_jumped", batch, history(PLAIN, columns())) == []


def test_a_timestamp_that_comes_in_parts_is_not_absent() -> None:
    definition = define({"y": "number", "x": "number", "at": {"type": "timestamp", "parts": ["day", "time"]}})
    reading = Reading(format=Format.DELIMITED, columns=("y", "x", "day", "time"))
    with judged(definition, {"y": [1.0]}, reading=reading) as batch:
        assert check("absent_column", batch, History()) == []


def test_another_order_of_the_common_columns_is_told() -> None:
    with judged(PLAIN, columns()) as batch:
        assert check("reordered_columns", batch, history(PLAIN, {"y": [1.0], "old": [], "kind": ["a"]})) == []
        [finding] = check("reordered_columns", batch, history(PLAIN, {"x": [1.0], "y": [1.0], "kind": ["a"]}))
        assert (finding.impact, finding.got) == ("compatible", "… 'y', 'x', 'kind'")


def test_a_frequent_level_that_is_gone_is_told_and_a_rare_one_is_not() -> None:
    with judged(PLAIN, columns()) as batch:
        before = history(PLAIN, columns(kind=["a", "b", "c", "c"] * 240 + ["a"] * 31 + ["rare"] * 9))
        [finding] = check("fewer_levels", batch, before)
        assert (finding.impact, finding.column, finding.got) == ("compatible", "kind", "no row with them in 1,000")
        assert finding.expected == "the frequent levels of the batch before, among them 'c'"


def test_too_small_a_batch_misses_no_level() -> None:
    with judged(PLAIN, columns(rows=20)) as batch:
        assert check("fewer_levels", batch, history(PLAIN, columns(kind=["a", "b", "c", "c"] * 250))) == []


def test_allowed_levels_that_the_first_batch_lacks_are_told() -> None:
    definition = define({"y": "number", "kind": {"type": "category", "allowed": ["a", "b", "c"]}})
    values = {"y": RNG.normal(size=1_000), "kind": ["a", "b"] * 500}
    with judged(definition, values) as batch:
        [finding] = check("fewer_levels", batch, History())
        assert finding.expected == "the allowed levels, among them 'c'"
        assert check("fewer_levels", batch, history(definition, values)) == []


def test_levels_never_seen_are_suspicious_in_many_rows() -> None:
    with judged(PLAIN, columns(kind=["a"] * 900 + ["new"] * 60 + ["newer"] * 40)) as batch:
        [finding] = check("new_levels", batch, history(PLAIN, columns()))
        assert (finding.impact, finding.column, finding.got) == (
            "suspicious",
            "kind",
            "'new', 'newer' in 100 of 1,000 rows",
        )
        assert check("new_levels", batch, History()) == []
        assert check("new_levels", batch, history(PLAIN, columns(rows=10))) == []


# Rows


def past_counts(*counts: int) -> History:
    reports = [report(len(counts) - place, rows=rows) for place, rows in enumerate(counts)]
    return History(recent=tuple(reports))


@pytest.mark.parametrize(
    ("counts", "rows", "is_unusual"),
    [
        ((1000, 1010, 990, 1005, 995), 1003, False),
        ((1000, 1010, 990, 1005, 995), 100, True),
        ((1000, 1010, 990, 1005, 995), 3000, True),
        ((1000, 1000, 1000, 1000, 1000), 1200, False),
        ((1000, 1010, 990, 1005, 995, 200, 210), 195, False),
        ((10, 1000, 100, 5000, 300), 1, False),
        ((10, 1000, 100, 5000, 300), 6000, False),
        ((1000, 1000, 1000, 1000), 10, False),
    ],
)
def test_a_row_count_is_judged_by_those_before(counts: tuple[int, ...], rows: int, is_unusual: bool) -> None:
    with judged(PLAIN, columns(rows=2), rows=RowCounts(delivered=rows, accepted=rows)) as batch:
        found = told(check("unusual_row_count", batch, past_counts(*counts)))
        assert found == ([("suspicious", None)] if is_unusual else [])
        assert check("unusual_row_count", replace(batch, is_replay=True), past_counts(*counts)) == []


def test_replays_are_no_history_of_the_source() -> None:
    source = Source(bucket="landing", key="k", size_bytes=1, replay_of="5a4aef6f1e2b3c4d")
    replays = History(recent=tuple(report(day, rows=3, source=source) for day in range(9, 0, -1)))
    with judged(PLAIN, columns()) as batch:
        assert check("unusual_row_count", batch, replays) == []


def test_more_nulls_than_declared_are_suspicious() -> None:
    definition = define({"y": "number", "x": {"type": "number", "maximum_null_share": 0.25}})
    for nulls, found in ((1, []), (2, [("suspicious", "x")])):
        with judged(definition, {"y": [1.0] * 4, "x": [None] * nulls + [1.0] * (4 - nulls)}) as batch:
            assert told(check("too_many_nulls", batch, History())) == found


def test_a_jump_of_the_nulls_is_suspicious() -> None:
    with judged(PLAIN, columns(x=[None] * 300 + [1.0] * 700)) as batch:
        [finding] = check("nulls_jumped", batch, history(PLAIN, columns()))
        assert (finding.column, finding.got) == ("x", "30.0%")
        assert check("nulls_jumped", batch, history(PLAIN, columns(x=[None] * 150 + [1.0] * 850))) == []
        assert check("nulls_jumped", batch, history(PLAIN, columns(rows=50))) == []


# Time


def past_times(*ages: tuple[float, float]) -> History:
    """Pairs: how many days ago a batch was received, and how old its newest row was then."""
    reports = [
        report(days, last_timestamp=RECEIVED_AT - timedelta(days=days) - timedelta(days=age)) for days, age in ages
    ]
    return History(recent=tuple(reports))


def timed(age_days: float) -> Any:
    return judged(TIMED, {"y": [1.0], "at": [RECEIVED_AT - timedelta(days=age_days)]})


def test_a_batch_without_newer_rows_is_stale() -> None:
    past = past_times((3, 1), (2, 1), (1, 1))
    for age, found in ((1, []), (2, [("suspicious", "at")]), (5, [("suspicious", "at")])):
        with timed(age) as batch:
            assert told(check("stale_batch", batch, past)) == found
            assert check("stale_batch", batch, History()) == []
            assert check("stale_batch", replace(batch, is_replay=True), past) == []


def test_where_files_often_bring_nothing_newer_that_is_no_finding() -> None:
    past = past_times((2, 1), (1.9, 1.2), (1, 1), (0.9, 1.2), (0.5, 1))
    with timed(1.6) as batch:
        assert check("stale_batch", batch, past) == []


def test_rows_much_older_than_usual_are_stale() -> None:
    past = past_times((30, 1), (20, 1.1), (10, 0.9))
    for age, found in ((1.9, []), (4, [("suspicious", "at")])):
        with timed(age) as batch:
            assert told(check("stale_batch", batch, past)) == found
    with timed(4) as batch:
        assert check("stale_batch", batch, past_times((20, 1), (10, 1))) == []


def test_rows_of_the_future_are_suspicious() -> None:
    for age, found in ((-0.9, []), (-1.1, [("suspicious", "at")])):
        with timed(age) as batch:
            assert told(check("future_timestamps", batch, History())) == found


# Target


def target_batch(target: Sequence[Any], task: str, kind: str, **inputs: Any) -> Any:
    types = {name: "category" if isinstance(values[0], str) else "number" for name, values in inputs.items()}
    data = {"positive": "yes"} if kind == "category" and task == "binary-classification" else {}
    definition = define({"y": kind, **types}, task=task, **data)
    return judged(definition, {"y": target, **inputs})


@pytest.mark.parametrize(
    ("task", "kind", "value"),
    [
        ("regression", "number", 4.0),
        ("binary-classification", "boolean", True),
        ("multiclass-classification", "category", "a"),
    ],
)
def test_a_target_of_one_value_is_suspicious_in_many_rows(task: str, kind: str, value: Any) -> None:
    for rows, found in ((999, []), (1_000, [("suspicious", "y")])):
        with target_batch([value] * rows, task, kind, x=[1.0] * rows) as batch:
            assert told(check("single_target", batch, History())) == found
            assert check("target_leak", batch, History()) == []


def test_an_input_that_tells_the_target_is_suspicious() -> None:
    late = RNG.random(2_000) < 0.3
    inputs: dict[str, Any] = {
        "delay": np.where(late, 20.0, 3.0) + RNG.random(2_000),
        "state": np.where(late, "held", "on time").tolist(),
        "noise": RNG.normal(size=2_000),
    }
    with target_batch(late.tolist(), "binary-classification", "boolean", **inputs) as batch:
        found = check("target_leak", batch, History())
        assert told(found) == [("suspicious", "delay"), ("suspicious", "state")]
        assert found[0].got == "alone it tells the target: ROC AUC 1.0000 on 2,000 rows"


def test_a_text_whose_words_tell_the_target_is_suspicious() -> None:
    late = RNG.random(2_000) < 0.3
    notes = [f"flight {row} was on time" + " at first" * int(is_late) for row, is_late in enumerate(late)]
    definition = define({"y": "boolean", "note": "text"}, task="binary-classification")
    with judged(definition, {"y": late.tolist(), "note": notes}) as batch:
        [found] = check("target_leak", batch, History())
    assert (found.column, found.got) == ("note", "by 'at' alone it tells the target: ROC AUC 1.0000 on 2,000 rows")


def test_a_leak_is_found_in_rows_that_are_sorted_by_the_target() -> None:
    target = [0] * 22_000 + [1] * 8_000
    with target_batch(target, "binary-classification", "integer", x=np.array(target) + 0.5) as batch:
        assert told(check("target_leak", batch, History())) == [("suspicious", "x")]


def test_the_entity_and_the_time_of_a_row_are_no_leaks() -> None:
    definition = define(
        {"y": "number", "x": "number", "at": "timestamp", "unit": "category", "note": "text", "seen": "timestamp"},
        timestamp="at",
        entity="unit",
    )
    day = datetime(2026, 1, 1, tzinfo=UTC)
    times = [day + timedelta(hours=hour) for hour in range(400)]
    level = [f"unit {hour // 100}" for hour in range(400)]
    values = {"y": list(range(400)), "at": times, "unit": level, "note": level, "seen": times}
    with judged(definition, values) as batch:
        assert told(check("target_leak", batch, History())) == [("suspicious", "seen")]


# Rows of earlier batches, and requests


def test_an_input_that_requests_lack_is_a_mismatch() -> None:
    served = Served(500, {"x": 0.995, "kind": 0.0}, {"kind": frozenset("ab")})
    with judged(PLAIN, columns()) as batch:
        [finding] = check("train_serve_mismatch", batch, History(served=served))
        assert (finding.column, finding.got) == ("x", "empty in 99.5% of 500 predictions")
        for others in (replace(served, rows=99), replace(served, null_shares={"x": 0.5}), None):
            assert check("train_serve_mismatch", batch, History(served=others)) == []


def test_an_input_that_only_requests_have_is_a_mismatch() -> None:
    with judged(PLAIN, columns(x=[None] * 1_000)) as batch:
        found = check("train_serve_mismatch", batch, History(served=Served(500, {"x": 0.1}, {})))
        assert told(found) == [("suspicious", "x")]


def test_levels_of_which_requests_know_none_are_a_mismatch() -> None:
    with judged(PLAIN, columns()) as batch:
        for levels, found in (("bc", []), (["A", "B"], [("suspicious", "kind")])):
            served = Served(500, {"kind": 0.0}, {"kind": frozenset(levels)})
            assert told(check("train_serve_mismatch", batch, History(served=served))) == found
