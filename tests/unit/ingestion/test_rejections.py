"""A file that cannot be used gets a report and an event, and nothing of it enters the lake."""

import gzip

import pytest

from everloop.contracts.batches import Impact
from everloop.reading.limits import Limits
from tests.unit.ingestion.conftest import World, pump

HEADER = "speed,kind,broken\n"
GOOD = HEADER + "1,a,true\n"


@pytest.mark.parametrize(
    ("reason", "body"),
    [
        ("empty_file", ""),
        ("empty_file", gzip.compress(b"", mtime=0)),
        ("unsupported_format", b"PK\x03\x04 a workbook"),
        ("unreadable_file", b"PAR1 but no Parquet"),
        ("duplicate_columns", "speed,SPEED,broken\n1,2,true\n"),
        ("too_many_columns", HEADER.strip() + "".join(f",x{i}" for i in range(2000)) + "\n1"),
        ("field_too_long", "x" * 2_000_000),
        ("invalid_encoding", HEADER.encode() + b"1,a\x00b,true\n"),
        ("missing_columns", "kind,broken\na,true\n"),
        ("missing_columns", '{"kind": "a"}'),
    ],
)
def test_a_faulty_file_is_refused(world: World, reason: str, body: bytes | str) -> None:
    ingested = world.upload(body)
    assert (ingested.outcome, ingested.reason) == ("rejected", reason), ingested
    report = world.report(ingested)
    assert (report.status, report.reason, report.detail) == ("rejected", reason, ingested.detail)
    event = world.bus.events[0]
    assert (event.type, event.subject, event.data["reason"]) == ("batch.rejected", "pump", reason)
    assert list(world.lake.objects) == [f"reports/pump/{ingested.batch_id}.json"]


@pytest.mark.parametrize(
    ("limits", "reason"),
    [
        (Limits(file_bytes=20), "too_large"),
        (Limits(unpacked_bytes=20), "unpacks_too_large"),
        (Limits(unpacking_ratio=2), "suspicious_ratio"),
        (Limits(columns=2), "too_many_columns"),
        (Limits(field_bytes=2_000_000), "field_too_long"),
    ],
)
def test_each_limit_is_a_setting_with_a_reason_of_its_own(world: World, limits: Limits, reason: str) -> None:
    world.limits = limits
    body = {"suspicious_ratio": GOOD * 2_000_000, "field_too_long": GOOD + "2," + "x" * 3_000_000}.get(reason, GOOD)
    assert world.upload(gzip.compress(body.encode(), mtime=0)).reason == reason


def test_missing_columns_are_named_beside_the_unknown_ones(world: World) -> None:
    ingested = world.upload("Speed_kmh,broken\n1,true\n")
    report = world.report(ingested)
    assert report.detail is not None
    assert "'speed'" in report.detail
    assert report.undeclared_columns == ("Speed_kmh",)
    assert report.reading is not None
    assert report.reading.columns == ("Speed_kmh", "broken")


@pytest.mark.parametrize(("header", "missing"), [("day,broken", "hour"), ("broken,hour", "day"), ("broken", "at")])
def test_of_a_timestamp_in_parts_the_missing_one_is_named(header: str, missing: str) -> None:
    at = {"type": "timestamp", "parts": ["day", "hour"]}
    definition = pump(
        data={"target": "broken", "timestamp": "at"}, columns={"broken": "boolean", "speed": "number", "at": at}
    )
    world = World(definition)
    report = world.report(world.upload(f"{header}\n{','.join(['true'] * len(header.split(',')))}\n"))
    [finding] = report.findings
    assert (finding.expected, finding.column) == (f"column {missing!r}", missing)


def test_missing_columns_are_a_breaking_change_that_is_told(world: World) -> None:
    report = world.report(world.upload("Speed_kmh,broken\n1,true\n"))
    [finding] = report.findings
    assert (finding.reason, finding.impact) == ("missing_columns", Impact.BREAKING)
    assert [event.type for event in world.bus.events] == ["batch.rejected", "schema.changed"]
    assert world.bus.events[1].data["breaking"] is True


def test_a_model_that_is_not_deployed_is_refused_in_its_own_folder(world: World) -> None:
    ingested = world.upload(GOOD, key="uploads/fan/file.csv")
    assert (ingested.model, ingested.reason) == ("fan", "unknown_model")
    assert world.report(ingested).definition_hash is None


@pytest.mark.parametrize("key", ["uploads/file.csv", "uploads/../file.csv", "uploads//file.csv", "uploads/PUMP!/x.csv"])
def test_a_file_outside_of_any_model_is_refused(world: World, key: str) -> None:
    ingested = world.upload(GOOD, key=key)
    assert (ingested.model, ingested.reason) == ("_", "unknown_model")


def test_a_file_too_large_is_not_even_downloaded(world: World) -> None:
    size = world.limits.file_bytes + 1
    assert world.upload(GOOD, size=size).reason == "too_large"
    assert world.upload(GOOD, size=size).outcome == "duplicate"
    assert world.upload(GOOD).outcome == "staged"
