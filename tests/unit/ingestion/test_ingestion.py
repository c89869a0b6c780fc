"""One delivery or ten, dying in between or not: the same lake."""

import pytest

from everloop.contracts.s3_events import CreatedObject
from everloop.errors import ObjectNotFoundError, StorageError
from tests.fakes import InMemoryEventBus, InMemoryObjectStore
from tests.unit.ingestion.conftest import RECEIVED_AT, World, pump, sha

CSV = b"speed,kind,broken\n1,a,true\n"
RAGGED = CSV + b"1\n"


class FailingStore(InMemoryObjectStore):
    """Dies at the n-th write, before or after it happened."""

    def __init__(self, objects: dict[str, bytes], fail_at: int, *, after: bool) -> None:
        super().__init__()
        self.objects = objects
        self._left = fail_at
        self._after = after

    def put_new(self, key: str, body: bytes) -> bool:
        self._left -= 1
        if self._left == 0 and not self._after:
            raise StorageError("killed")
        written = super().put_new(key, body)
        if self._left == 0:
            raise StorageError("killed")
        return written


class FailingBus(InMemoryEventBus):
    def publish(self, *args: object, **named: object) -> str:
        raise StorageError("killed")


def test_the_batch_id_is_the_hash_of_the_bytes(world: World) -> None:
    assert world.upload(CSV).batch_id == sha(CSV)


def test_the_source_is_staged_beside_the_rows(world: World) -> None:
    ingested = world.upload(CSV, key="uploads/pump/line 3/march.csv")
    staged = world.batches.staged("pump", ingested.batch_id)
    assert staged.received_at == RECEIVED_AT
    assert staged.source.model_dump() == {
        "bucket": "landing",
        "key": "uploads/pump/line 3/march.csv",
        "version_id": "v1",
        "size_bytes": len(CSV),
    }
    assert list(world.lake.objects) == [f"staged/pump/{sha(CSV)}.json", f"staged/pump/{sha(CSV)}.parquet"]
    assert world.bus.events == []


def test_a_repeated_rejection_is_silent(world: World) -> None:
    assert world.upload(RAGGED).outcome == "rejected"
    assert world.upload(RAGGED, key="uploads/pump/other name.csv").outcome == "duplicate"
    assert len(world.bus.events) == 1


def test_a_file_refused_under_another_definition_gets_a_new_look(world: World) -> None:
    file = b"velocity,broken\n1,true\n"
    first = world.upload(file)
    assert first.reason == "missing_columns"
    world.definition = pump(columns={"velocity": "number", "broken": "boolean"})
    assert world.upload(file).outcome == "staged"


def test_a_second_refusal_replaces_the_first(world: World) -> None:
    file = b"velocity,broken\n1,true\n"
    world.upload(file)
    world.definition = pump(columns={"velocity_kmh": {"type": "number", "nullable": False}, "broken": "boolean"})
    ingested = world.upload(file)
    assert ingested.outcome == "rejected"
    assert world.report(ingested).definition_hash == world.definition.hash
    assert len(list(world.batches.reports("pump"))) == 1


def test_a_file_uploaded_before_its_model_was_deployed_can_be_uploaded_again(world: World) -> None:
    key = "uploads/fan/file.csv"
    assert world.upload(CSV, key=key).reason == "unknown_model"
    world.definition = pump(name="fan")
    assert world.upload(CSV, key=key).outcome == "staged"


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("fail_at", [1, 2])
def test_dying_while_staging_leaves_nothing_that_a_retry_does_not_mend(fail_at: int, after: bool) -> None:
    untroubled = World()
    untroubled.upload(CSV)
    world = World()
    world.lake = FailingStore({}, fail_at, after=after)
    with pytest.raises(StorageError):
        world.upload(CSV)
    world.lake = FailingStore(world.lake.objects, 0, after=after)
    world.upload(CSV)
    assert world.lake.objects.keys() == untroubled.lake.objects.keys()
    assert world.lake.objects == untroubled.lake.objects


def test_dying_while_telling_of_a_rejection_tells_it_again(world: World) -> None:
    world.bus = FailingBus()
    with pytest.raises(StorageError):
        world.upload(RAGGED)
    assert world.lake.objects == {}
    world.bus = InMemoryEventBus()
    assert world.upload(RAGGED).outcome == "rejected"
    assert len(world.bus.events) == 1


def test_an_upload_that_is_gone_is_an_error_to_retry_and_not_a_rejection(world: World) -> None:
    gone = CreatedObject("landing", "uploads/pump/gone.csv", None, 1, RECEIVED_AT)
    with pytest.raises(ObjectNotFoundError):
        world.ingestion.ingest(gone)
    assert world.lake.objects == {}
