"""Whole batches: no row is lost, the newest of a row id stays, and any step may be repeated."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from everloop.contracts.batches import BatchReport, RowCounts
from everloop.errors import ObjectNotFoundError, StorageError
from everloop.reading.readers.parquet import batch_named_in
from tests.fakes import InMemoryEventBus, InMemoryObjectStore
from tests.unit.validation.conftest import BATCH_ID, RECEIVED_AT, World, define

REPORT = 6
"""Which write is the report: quarantine, centres, profile, keys and rows come before it, the arrival after it."""
KEYED = define({"at": "timestamp", "id": "integer"}, timestamp="at", row_id=["id"])


def counts(report: BatchReport) -> tuple[int, int, int, int]:
    rows = report.rows
    return rows.delivered, rows.accepted, rows.quarantined, rows.duplicates


def test_valid_rows_are_accepted_in_their_types_and_their_order() -> None:
    world = World(KEYED)
    report = world.validate(
        {"y": "2", "id": "7", "at": "2026-01-02"}, {"y": "1", "id": "3", "at": "2026-01-01T12:00:00+01:00"}
    )
    assert report.status == "accepted"
    assert (report.first_timestamp, report.last_timestamp) == (
        datetime(2026, 1, 1, 11, tzinfo=UTC),
        datetime(2026, 1, 2, tzinfo=UTC),
    )
    assert world.accepted == [
        {"y": 2.0, "x": 1.0, "at": datetime(2026, 1, 2), "id": 7},
        {"y": 1.0, "x": 1.0, "at": datetime(2026, 1, 1, 11), "id": 3},
    ]
    [event] = world.bus.events
    assert event == (
        "batch.accepted",
        "pump",
        {"batch_id": BATCH_ID, "rows": 2, "key": f"batches/pump/{BATCH_ID}.parquet"},
    )
    assert f"quarantine/pump/{BATCH_ID}.parquet" not in world.lake.objects


def test_the_report_says_where_the_batch_came_from(world: World) -> None:
    report = world.validate({})
    assert (report.source.key, report.received_at) == ("uploads/pump/march.csv", RECEIVED_AT)
    assert report.definition_hash == world.definition.hash
    assert world.batches.report("pump", BATCH_ID) == report


def test_the_newest_of_a_row_id_stays() -> None:
    world = World(KEYED)
    report = world.validate(
        {"y": "1", "id": "1", "at": "2026-01-03"},
        {"y": "2", "id": "1", "at": "2026-01-02"},
        {"y": "3", "id": "2", "at": "2026-01-02"},
        {"y": "4", "id": "2", "at": "2026-01-02"},
        {"y": "5", "id": "3", "at": "2026-01-09T"},
    )
    assert counts(report) == (5, 2, 1, 2)
    assert [row["y"] for row in world.accepted] == [1.0, 4.0]


def test_an_invalid_row_does_not_hide_an_older_valid_one() -> None:
    world = World(KEYED)
    report = world.validate({"y": "1", "id": "1", "at": "2026-01-01"}, {"y": "abc", "id": "1", "at": "2026-01-02"})
    assert counts(report) == (2, 1, 1, 0)


def test_without_a_timestamp_the_last_in_the_file_stays() -> None:
    world = World(define({"a": "text", "b": "integer"}, row_id=["a", "b"]))
    report = world.validate(
        {"y": "1", "a": "k", "b": "1"}, {"y": "2", "a": "k", "b": "1.0"}, {"y": "3", "a": "k", "b": "2"}
    )
    assert counts(report) == (3, 2, 0, 1)
    assert [row["y"] for row in world.accepted] == [2.0, 3.0]


def test_without_a_row_id_equal_rows_are_all_kept(world: World) -> None:
    assert counts(world.validate({}, {}, {})) == (3, 3, 0, 0)


def test_a_batch_is_rejected_when_most_rows_are_invalid_and_nothing_is_lost(world: World) -> None:
    report = world.validate({"x": "1"}, {"x": "a"}, {"y": "b"})
    assert (report.status, report.reason, counts(report)) == ("rejected", "too_many_invalid_rows", (3, 0, 3, 0))
    assert [(row["x"], row["_row"], len(row["_reasons"])) for row in world.quarantined] == [
        ("1", 1, 0),
        ("a", 2, 1),
        ("1", 3, 1),
    ]
    assert f"batches/pump/{BATCH_ID}.parquet" not in world.lake.objects
    assert world.bus.events[0].type == "batch.rejected"


def test_half_invalid_is_not_yet_too_much(world: World) -> None:
    assert counts(world.validate({}, {"x": "b"})) == (2, 1, 1, 0)


def test_a_batch_without_a_valid_row_is_quarantined(world: World) -> None:
    report = world.validate({"x": "a"}, {"y": "b"})
    assert (report.status, report.reason, counts(report)) == ("quarantined", "no_valid_rows", (2, 0, 2, 0))
    assert world.bus.events[0].data["status"] == "quarantined"


def test_a_column_whose_type_broke_rejects_the_batch_by_its_name(world: World) -> None:
    report = world.validate({"x": "1"}, {"x": "a"}, {"x": "b"})
    assert (report.status, report.reason, counts(report)) == ("rejected", "type_broken", (3, 0, 3, 0))
    assert "'x': expected a number such as 12.5, got such as 'a' in 2 of 3 rows" in str(report.detail)
    assert [(finding.reason, finding.impact, finding.column) for finding in report.findings] == [
        ("type_broken", "breaking", "x")
    ]


def test_a_refusal_names_a_few_of_many_columns_and_the_findings_have_all() -> None:
    names = [f"v{i}" for i in range(40)]
    world = World(define(dict.fromkeys(names, "number")))
    report = world.validate(dict.fromkeys(names, "a"), dict.fromkeys(names, "b"), {})
    detail = str(report.detail)
    assert report.reason == "type_broken"
    assert "'v9'" in detail
    assert "'v10'" not in detail
    assert "; and 30 more columns; all are kept in quarantine" in detail
    assert len(report.findings) == 40
    assert all(finding.is_schema_change for finding in report.findings)


def test_batches_with_the_same_invalid_rows_have_quarantine_files_that_name_them(world: World, tmp_path: Path) -> None:
    """A replay's batch id is the hash of that file: were it the same, the second would be taken for the first."""
    for batch_id in (BATCH_ID, "0" * 16):
        world.stage([{}, {"x": "bad"}], batch_id)
        world.validation.validate("pump", batch_id)
        world.batches.download_quarantine("pump", batch_id, tmp_path / batch_id)
        assert batch_named_in(tmp_path / batch_id) == batch_id


def test_the_share_of_invalid_rows_that_is_too_much_is_declared() -> None:
    assert World(define({}, maximum_invalid_share=0.2)).validate({}, {}, {"x": "b"}).status == "rejected"
    assert World(define({}, maximum_invalid_share=0.7)).validate({}, {"y": "b"}, {"x": "b"}).status == "accepted"


def test_columns_nobody_declared_are_recorded_and_kept_in_quarantine_alone(world: World) -> None:
    report = world.validate({"extra": "1"}, {"x": "bad", "extra": "2"})
    assert report.undeclared_columns == ("extra",)
    assert list(world.accepted[0]) == ["y", "x"]
    assert world.quarantined[0]["extra"] == "2"


def test_a_nullable_column_may_be_absent_and_is_noted() -> None:
    world = World(define({"gust": "number"}))
    report = world.validate({}, {})
    assert (report.status, world.accepted[0]["gust"]) == ("accepted", None)
    assert [(finding.reason, finding.impact, finding.column) for finding in report.findings] == [
        ("absent_column", "compatible", "gust")
    ]


def test_a_required_column_that_the_definition_gained_meanwhile_rejects_the_batch() -> None:
    world = World(define({"gust": {"type": "number", "nullable": False}}))
    report = world.validate({}, {})
    assert (report.status, report.reason, counts(report)) == ("rejected", "missing_columns", (2, 0, 2, 0))
    assert len(world.quarantined) == 2


def test_names_from_the_user_are_quoted() -> None:
    name = 'it\'s "hot" [K]; DROP TABLE checked; --'
    world = World(define({name: {"type": "category", "allowed": ["a'b"]}}))
    assert counts(world.validate({name: "a'b"}, {name: "x'; DROP TABLE checked"})) == (2, 1, 1, 0)
    assert world.quarantined[0]["_reasons"][0]["column"] == name
    assert world.accepted[0][name] == "a'b"


def test_a_batch_that_is_not_staged_is_an_error_to_retry(world: World) -> None:
    with pytest.raises(ObjectNotFoundError):
        world.validation.validate("pump", "0" * 16)


def test_a_repeated_delivery_tells_the_event_again_and_writes_nothing() -> None:
    world = World(KEYED)
    world.validate({"id": "1", "at": "2026-01-01"})
    before = dict(world.lake.objects)
    world.validation.validate("pump", BATCH_ID)
    assert world.lake.objects == before
    assert world.bus.events[0] == world.bus.events[1]


def test_counts_that_do_not_add_up_are_impossible() -> None:
    with pytest.raises(ValidationError, match="delivered 3 is not accepted 1"):
        RowCounts(delivered=3, accepted=1, quarantined=1)


class KilledError(StorageError):
    pass


class KillingStore(InMemoryObjectStore):
    """Dies at the n-th write, before or after it happened."""

    def __init__(self, objects: dict[str, bytes], kill_at: int, *, after: bool) -> None:
        super().__init__()
        self.objects = objects
        self.writes = 0
        self._kill_at = kill_at
        self._after = after

    def put_new(self, key: str, body: bytes) -> bool:
        with self._write(key):
            return super().put_new(key, body)

    def upload(self, path: Path, key: str) -> None:
        with self._write(key):
            super().upload(path, key)

    @contextmanager
    def _write(self, key: str) -> Iterator[None]:
        self.writes += 1
        if self.writes == self._kill_at and not self._after:
            raise KilledError(key)
        yield
        if self.writes == self._kill_at:
            raise KilledError(key)


class KilledBus(InMemoryEventBus):
    def publish(self, *args: object, **named: object) -> str:
        raise KilledError


ROWS = [
    {"y": "1", "id": "1", "at": "2026-01-03"},
    {"y": "2", "id": "1", "at": "2026-01-02"},
    {"y": "bad", "id": "2", "at": "2026-01-02"},
]


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("kill_at", range(1, 8))
def test_dying_at_any_write_leaves_nothing_that_a_retry_does_not_mend(kill_at: int, after: bool) -> None:
    untroubled = World(KEYED)
    untroubled.validate(*ROWS)
    world = World(KEYED)
    world.stage(ROWS)
    staged = dict(world.lake.objects)
    world.lake = KillingStore(staged, kill_at, after=after)
    with pytest.raises(KilledError):
        world.validation.validate("pump", BATCH_ID)
    assert world.bus.events == []
    is_visible = f"reports/pump/{BATCH_ID}.json" in world.lake.objects
    assert is_visible == ((kill_at, after) > (REPORT, False))
    world.lake = KillingStore(world.lake.objects, 0, after=False)
    world.validation.validate("pump", BATCH_ID)
    assert world.lake.objects == untroubled.lake.objects
    assert world.bus.events == untroubled.bus.events


@pytest.mark.parametrize("kill_at", range(1, 6))
def test_what_an_attempt_under_another_definition_left_is_no_part_of_the_verdict(kill_at: int) -> None:
    before = define({"v": {"type": "number", "maximum": 10}})
    today = define({"v": {"type": "number", "minimum": 0}})
    rows = [{"v": "99"}, {"v": "2"}, {"v": "3"}, {"v": "4"}, {"v": "-5"}]
    world = World(before)
    world.stage(rows)
    world.lake = KillingStore(dict(world.lake.objects), kill_at, after=True)
    with suppress(KilledError):
        world.validation.validate("pump", BATCH_ID)
    if f"reports/pump/{BATCH_ID}.json" in world.lake.objects:
        return
    world.definition = today
    world.lake = KillingStore(world.lake.objects, 0, after=False)
    report = world.validation.validate("pump", BATCH_ID)
    assert counts(report) == (5, 4, 1, 0)
    assert sorted(row["v"] for row in world.accepted) == [2, 3, 4, 99]
    assert [row["v"] for row in world.quarantined] == ["-5"]
    assert report.rows_sha256 == sha256(world.lake.objects[f"batches/pump/{BATCH_ID}.parquet"]).hexdigest()


@pytest.mark.parametrize("name", ["reasons", "_ROW", "failures", "d0", "v0", "found"])
def test_a_column_may_have_a_name_that_the_queries_use(name: str) -> None:
    world = World(define({name: "number"} if name != "_ROW" else {}))
    report = world.validate({name: "1"}, {name: "bad", "y": "bad"}, {"y": "bad", name: "2"})
    assert counts(report) == (3, 0, 3, 0)
    assert len(world.quarantined) == 3


def test_dying_before_the_event_tells_it_at_the_next_attempt() -> None:
    world = World(KEYED)
    world.bus = KilledBus()
    with pytest.raises(KilledError):
        world.validate(*ROWS)
    world.bus = InMemoryEventBus()
    world.validation.validate("pump", BATCH_ID)
    assert [event.type for event in world.bus.events] == ["batch.accepted"]


CELLS = st.sampled_from([None, "", "1", "2.0", "-3", "1e400", "nan", "abc", "2026-01-01", "2026-01-02Z"]) | st.text(
    max_size=5
)


@settings(max_examples=30)
@given(st.lists(st.fixed_dictionaries({"y": CELLS, "x": CELLS, "id": CELLS, "at": CELLS}), min_size=1, max_size=8))
def test_no_row_is_ever_lost(rows: list[dict[str, str | None]]) -> None:
    world = World(KEYED)
    report = world.validate(*rows)
    delivered, accepted, quarantined, duplicates = counts(report)
    assert delivered == len(rows) == accepted + quarantined + duplicates
    if accepted:
        assert len(world.accepted) == accepted
        assert len({row["id"] for row in world.accepted}) == accepted
    if quarantined:
        assert [{name: row[name] for name in rows[0]} for row in world.quarantined] == [
            dict(rows[row["_row"] - 1]) for row in world.quarantined
        ]
