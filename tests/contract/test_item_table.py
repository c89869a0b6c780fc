"""One body of tests for every ItemTable."""

import random
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any, NamedTuple
from uuid import uuid4

import boto3
import pytest

from everloop.adapters.dynamodb_table import DynamoDbTable
from everloop.errors import StorageError
from everloop.ports import MAXIMUM_ITEM_BYTES, ItemTable
from local.cloud.clients import local_client
from tests.conftest import fine_switching
from tests.fakes import FixedClock, InMemoryItemTable
from tests.samples import NOW

THREADS = 8
LATER = NOW + timedelta(days=30)


def _dynamodb_table(clock: FixedClock, client: Any = None) -> DynamoDbTable:
    client = client or boto3.client("dynamodb")
    name = f"everloop-{uuid4()}"
    client.create_table(
        TableName=name,
        AttributeDefinitions=[{"AttributeName": "pk", "AttributeType": "S"}],
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}],
        BillingMode="PAY_PER_REQUEST",
    )
    return DynamoDbTable(name, clock, client)


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock(NOW)


@pytest.fixture(scope="module")
def local_dynamodb(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    from tests.e2e.clouds import started_cloud  # which starts jsii

    with started_cloud(tmp_path_factory.mktemp("cloud")) as cloud:
        yield local_client("dynamodb", cloud.endpoint)


@pytest.fixture(params=["in-memory", "dynamodb", pytest.param("local-cloud", marks=pytest.mark.server)])
def table(request: pytest.FixtureRequest, clock: FixedClock) -> ItemTable:
    if request.param == "in-memory":
        return InMemoryItemTable(clock)
    if request.param == "local-cloud":
        return _dynamodb_table(clock, request.getfixturevalue("local_dynamodb"))
    request.getfixturevalue("atomic_aws")
    return _dynamodb_table(clock)


def test_what_was_put_is_what_comes_back(table: ItemTable) -> None:
    assert table.put("m/1", b"state", sequence=1, expires_at=LATER) is True
    assert table.get(["m/1"]) == {"m/1": b"state"}


def test_what_is_not_there_is_left_out(table: ItemTable) -> None:
    table.put("m/1", b"state", sequence=1, expires_at=LATER)
    assert table.get(["m/0", "m/1", "m/2"]) == {"m/1": b"state"}
    assert table.get(["m/0"]) == {}
    assert table.get([]) == {}


def test_a_key_asked_for_twice_is_answered_once(table: ItemTable) -> None:
    table.put("m/1", b"state", sequence=1, expires_at=LATER)
    assert table.get(["m/1", "m/0", "m/1", "m/0"]) == {"m/1": b"state"}


def test_an_older_item_changes_nothing(table: ItemTable) -> None:
    table.put("m/1", b"newer", sequence=10, expires_at=LATER)
    assert table.put("m/1", b"older", sequence=9, expires_at=LATER) is False
    assert table.get(["m/1"]) == {"m/1": b"newer"}


@pytest.mark.parametrize("sequence", [9, 10, 100])
def test_an_item_as_new_or_newer_takes_the_place(table: ItemTable, sequence: int) -> None:
    table.put("m/1", b"first", sequence=9, expires_at=LATER)
    assert table.put("m/1", b"second", sequence=sequence, expires_at=LATER) is True
    assert table.get(["m/1"]) == {"m/1": b"second"}


def test_an_item_is_gone_from_the_moment_it_expires(table: ItemTable, clock: FixedClock) -> None:
    table.put("short", b"", sequence=1, expires_at=NOW + timedelta(seconds=60))
    table.put("long", b"", sequence=1, expires_at=NOW + timedelta(seconds=61))
    clock.advance(timedelta(seconds=59))
    assert table.get(["short", "long"]).keys() == {"short", "long"}
    clock.advance(timedelta(seconds=1))
    assert table.get(["short", "long"]).keys() == {"long"}


def test_an_item_lives_no_shorter_for_being_kept_in_whole_seconds(table: ItemTable, clock: FixedClock) -> None:
    table.put("m/1", b"", sequence=1, expires_at=NOW + timedelta(seconds=0.9))
    clock.advance(timedelta(seconds=0.8))
    assert table.get(["m/1"]).keys() == {"m/1"}
    clock.advance(timedelta(seconds=0.2))
    assert table.get(["m/1"]) == {}


def test_a_newer_item_lives_as_long_as_it_says(table: ItemTable, clock: FixedClock) -> None:
    table.put("m/1", b"first", sequence=1, expires_at=NOW + timedelta(days=1))
    table.put("m/1", b"second", sequence=2, expires_at=NOW + timedelta(days=3))
    clock.advance(timedelta(days=2))
    assert table.get(["m/1"]) == {"m/1": b"second"}


def test_an_item_that_has_expired_can_be_put_again(table: ItemTable, clock: FixedClock) -> None:
    table.put("m/1", b"first", sequence=1, expires_at=NOW + timedelta(days=1))
    clock.advance(timedelta(days=2))
    assert table.put("m/1", b"second", sequence=2, expires_at=LATER) is True
    assert table.get(["m/1"]) == {"m/1": b"second"}


@pytest.mark.parametrize("count", [99, 100, 101, 250])
def test_any_number_of_items_is_read(table: ItemTable, count: int) -> None:
    keys = [f"m/{number}" for number in range(count)]
    for key in keys:
        table.put(key, key.encode(), sequence=1, expires_at=LATER)
    assert table.get([*keys, "absent"]) == {key: key.encode() for key in keys}


@pytest.mark.parametrize(
    "body", [b"", b"\0", bytes(range(256)), random.Random(7).randbytes(MAXIMUM_ITEM_BYTES)], ids=len
)
def test_any_body_that_fits_is_kept_to_the_byte(table: ItemTable, body: bytes) -> None:
    assert table.put("m/1", body, sequence=1, expires_at=LATER) is True
    assert table.get(["m/1"]) == {"m/1": body}


@pytest.mark.parametrize("key", ["ünïcödé/字 (1)+%20&=", "a b\tc\n", "𝄞", "m/" + "x" * 1_000])
def test_any_key_is_kept_as_it_is(table: ItemTable, key: str) -> None:
    table.put(key, b"state", sequence=1, expires_at=LATER)
    assert table.get([key]) == {key: b"state"}


def test_of_many_that_put_one_key_the_newest_stays(table: ItemTable) -> None:
    sequences = list(range(1, 4 * THREADS))
    with fine_switching(), ThreadPoolExecutor(THREADS) as pool:
        for race in range(10):
            random.Random(race).shuffle(sequences)
            key = f"race/{race}"
            done = list(
                pool.map(lambda n, key=key: table.put(key, str(n).encode(), sequence=n, expires_at=LATER), sequences)
            )
            assert done[sequences.index(max(sequences))] is True
            assert table.get([key]) == {key: str(max(sequences)).encode()}


def test_no_foreign_error_leaves_the_dynamodb_adapter(aws: None, clock: FixedClock) -> None:
    table = DynamoDbTable("no-such-table", clock)
    with pytest.raises(StorageError, match="table no-such-table: "):
        table.get(["m/1"])
    with pytest.raises(StorageError, match="table no-such-table: "):
        table.put("m/1", b"", sequence=1, expires_at=LATER)


def test_a_body_that_dynamodb_refuses_is_an_error_of_ours(atomic_aws: None, clock: FixedClock) -> None:
    with pytest.raises(StorageError, match="table everloop-"):
        _dynamodb_table(clock).put("m/1", bytes(420_000), sequence=1, expires_at=LATER)


class _Asked(NamedTuple):
    keys: int
    answered: int


class _ShortOfBreath:
    """A client that answers only so many keys at a time, as DynamoDB does when they exceed a limit of the call."""

    def __init__(self, keys_at_once: int) -> None:
        self._keys_at_once = keys_at_once
        self.calls: list[_Asked] = []

    def batch_get_item(self, *, RequestItems: Mapping[str, Any]) -> dict[str, Any]:  # boto3's own name
        [(name, asked)] = RequestItems.items()
        now, left = asked["Keys"][: self._keys_at_once], asked["Keys"][self._keys_at_once :]
        self.calls.append(_Asked(len(asked["Keys"]), len(now)))
        item = {"state": {"B": b""}, "sequence": {"N": "1"}, "expires_at": {"N": str(int(LATER.timestamp()))}}
        return {
            "Responses": {name: [{**key, **item} for key in now]},
            "UnprocessedKeys": {name: {"Keys": left}} if left else {},
        }


@pytest.mark.parametrize(("keys", "calls"), [(0, 0), (1, 1), (100, 1), (101, 2), (1_000, 10)])
def test_a_hundred_keys_cost_one_call(clock: FixedClock, keys: int, calls: int) -> None:
    client = _ShortOfBreath(keys_at_once=100)
    found = DynamoDbTable("everloop", clock, client).get([str(number) for number in range(keys)] * 2)
    assert (len(found), len(client.calls)) == (keys, calls)


def test_keys_that_dynamodb_left_out_are_asked_for_again(clock: FixedClock) -> None:
    client = _ShortOfBreath(keys_at_once=40)
    keys = [str(number) for number in range(100)]
    assert DynamoDbTable("everloop", clock, client).get(keys) == dict.fromkeys(keys, b"")
    assert client.calls == [(100, 40), (60, 40), (20, 20)]


def test_a_table_that_keeps_leaving_keys_out_is_an_error_that_names_it(clock: FixedClock) -> None:
    client = _ShortOfBreath(keys_at_once=0)
    with pytest.raises(StorageError, match=r"table everloop: left 3 key\(s\) out in 5 calls"):
        DynamoDbTable("everloop", clock, client).get(["a", "b", "c"])
    assert len(client.calls) == 5
