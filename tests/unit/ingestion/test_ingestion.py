"""One delivery or ten, dying in between or not: the same lake."""

from datetime import timedelta
from pathlib import Path

import duckdb
import pytest

from everloop.contracts.batches import BatchReport, BatchStatus
from everloop.contracts.s3_events import CreatedObject
from everloop.errors import StorageError
from everloop.reading.readers.parquet import BATCH_METADATA
from tests.fakes import InMemoryEventBus, InMemoryObjectStore
from tests.unit.ingestion.conftest import RECEIVED_AT, World, pump, sha

CSV = b"speed,kind,broken\n1,a,true\n"
FAULTY = b"speed,speed,broken\n1,2,true\n"


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
        "replay_of": None,
        "first_received_at": None,
    }
    assert staged.reading.columns == ("speed", "kind", "broken")
    assert list(world.lake.objects) == [f"staged/pump/{sha(CSV)}.json", f"staged/pump/{sha(CSV)}.rows"]
    assert world.bus.events == []


def test_a_repeated_rejection_is_silent(world: World) -> None:
    assert world.upload(FAULTY).outcome == "rejected"
    assert world.upload(FAULTY, key="uploads/pump/other name.csv").outcome == "duplicate"
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
        world.upload(FAULTY)
    assert world.lake.objects == {}
    world.bus = InMemoryEventBus()
    assert world.upload(FAULTY).outcome == "rejected"
    assert len(world.bus.events) == 1


def test_an_upload_that_was_deleted_before_it_was_read_gets_a_report(world: World) -> None:
    """Nobody will ever find its bytes, so that trying again would help nobody."""
    gone = CreatedObject("landing", "uploads/pump/gone.csv", "v1", 1, RECEIVED_AT)
    ingested = world.ingestion.ingest(gone)
    assert (ingested.outcome, ingested.reason) == ("rejected", "object_gone")
    assert world.report(ingested).source.key == "uploads/pump/gone.csv"
    assert world.ingestion.ingest(gone).outcome == "duplicate"
    assert len(world.bus.events) == 1
    assert world.upload(CSV, key="uploads/pump/gone.csv").outcome == "staged"


def test_the_same_bytes_twice_are_one_batch_and_the_second_delivery_says_so(world: World) -> None:
    first, second = world.upload(CSV), world.upload(CSV, key="uploads/pump/again.csv")
    assert (first.outcome, second.outcome) == ("staged", "duplicate")
    assert second.batch_id == first.batch_id
    assert second.detail == f"the same bytes are batch {first.batch_id}, which waits for validation"
    assert world.batches.staged("pump", first.batch_id).source.key == "uploads/pump/file"


def test_what_an_attempt_left_that_died_before_the_rows_is_replaced(world: World) -> None:
    """Its definition may have told to read the file in another way."""
    file = b"speed;kind;broken\n1,5;a,b;true\n"
    staged = f"staged/pump/{sha(file)}"
    world.upload(file)
    del world.lake.objects[f"{staged}.rows"]
    world.definition = pump(data={"target": "broken", "csv": {"decimal": "."}})
    assert world.upload(file).outcome == "staged"
    assert world.batches.staged("pump", sha(file)).reading.decimal == "."


def test_deliveries_in_any_order_give_the_same_batches() -> None:
    other = CSV + b"2,b,false\n"
    one, two = World(), World()
    for world, bodies in ((one, (CSV, other, CSV)), (two, (other, CSV, other))):
        for body in bodies:
            world.upload(body)
    assert one.lake.objects == two.lake.objects


@pytest.mark.parametrize("key", ["uploads/pump/a b+c/../ü 字.csv", "uploads/pump/x\n.csv", "uploads/pump/.."])
def test_any_name_of_a_file_will_do(world: World, key: str) -> None:
    ingested = world.upload(CSV, key=key)
    assert (ingested.model, ingested.outcome) == ("pump", "staged")
    assert world.batches.staged("pump", ingested.batch_id).source.key == key


def test_a_batch_that_validation_refused_unread_is_staged_anew_under_another_definition(world: World) -> None:
    """The way it is read has changed with the definition, and its notification must be sent again."""
    file = b"speed;kind;broken\n1,5;a,b;true\n"
    batch_id = world.upload(file).batch_id
    staged = world.batches.staged("pump", batch_id)
    world.batches.save_report(
        BatchReport(
            batch_id=batch_id,
            model="pump",
            status=BatchStatus.REJECTED,
            source=staged.source,
            received_at=RECEIVED_AT,
            definition_hash=world.definition.hash,
            reason="ragged_rows",
        )
    )
    assert world.upload(file).outcome == "duplicate"
    world.definition = pump(data={"target": "broken", "csv": {"decimal": "."}})
    assert world.upload(file).outcome == "staged"
    assert (staged.reading.decimal, world.batches.staged("pump", batch_id).reading.decimal) == (",", ".")


def test_a_replay_names_the_batch_it_is_of_and_is_read_as_that_was(world: World, tmp_path: Path) -> None:
    first = world.upload("_;velocity\n1,5;2,5\n")
    assert first.reason == "missing_columns"
    replay = world.upload(quarantine_of(first.batch_id, tmp_path), key=f"uploads/pump/replays/{first.batch_id}.parquet")
    staged = world.batches.staged("pump", replay.batch_id)
    assert (staged.source.replay_of, staged.source.first_received_at) == (first.batch_id, RECEIVED_AT)
    assert (staged.reading.format, staged.reading.decimal) == ("parquet", ",")
    assert staged.reading.columns == ("speed", "broken", "_row")


def test_a_file_is_no_replay_by_its_name_alone(world: World, tmp_path: Path) -> None:
    first = world.upload("_;velocity\n1,5;2,5\n")
    key = f"uploads/pump/replays/{first.batch_id}.parquet"
    cut_off = quarantine_of(first.batch_id, tmp_path)[:-9] + b"PAR1"
    assert world.upload(cut_off, key=key).reason == "unreadable_file"
    for body in (CSV, quarantine_of("0123456789abcdef", tmp_path)):
        ingested = world.upload(body, key=key)
        assert world.batches.staged("pump", ingested.batch_id).source.replay_of is None


def test_rows_that_are_replayed_twice_are_as_old_as_when_they_came_first(world: World, tmp_path: Path) -> None:
    first = world.upload("_;velocity\n1,5;2,5\n")
    long_ago = RECEIVED_AT - timedelta(days=3)
    saved = world.report(first)
    again = saved.source.model_copy(update={"replay_of": "0" * 16, "first_received_at": long_ago})
    replay = saved.model_copy(update={"batch_id": "1" * 16, "source": again})
    world.batches.save_report(replay)
    ingested = world.upload(quarantine_of(replay.batch_id, tmp_path), key=f"uploads/pump/replays/{'1' * 16}.parquet")
    staged = world.batches.staged("pump", ingested.batch_id)
    assert (staged.source.first_received_at, staged.received_at) == (long_ago, RECEIVED_AT)


def quarantine_of(batch_id: str, folder: Path) -> bytes:
    path = folder / f"{batch_id}.parquet"
    with duckdb.connect() as database:
        rows = "SELECT '1,5' AS speed, 'true' AS broken, 1 AS _row"
        database.execute(f"COPY ({rows}) TO '{path}' (FORMAT parquet, KV_METADATA {{{BATCH_METADATA}: '{batch_id}'}})")
    return path.read_bytes()


def test_a_replay_of_a_batch_nobody_knows_is_an_ordinary_file(world: World) -> None:
    ingested = world.upload(CSV, key="uploads/pump/replays/0123456789abcdef.parquet")
    assert world.batches.staged("pump", ingested.batch_id).source.replay_of is None
