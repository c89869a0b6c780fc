"""One body of tests for every ObjectStore."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from uuid import uuid4

import boto3
import pytest

from everloop.adapters.s3_objects import S3ObjectStore
from everloop.errors import ObjectNotFoundError, PreconditionFailedError, StorageError
from everloop.ports import ObjectStore
from local.cloud.clients import local_client
from tests.conftest import fine_switching
from tests.e2e.clouds import started_cloud
from tests.fakes import InMemoryObjectStore

BUCKET = "everloop-test"
THREADS = 8


def _s3_store(bucket: str = BUCKET, client: Any = None) -> S3ObjectStore:
    client = client or boto3.client("s3")
    client.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": "eu-central-1"})
    client.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    return S3ObjectStore(bucket, client)


@pytest.fixture(scope="module")
def local_s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    with started_cloud(tmp_path_factory.mktemp("cloud")) as cloud:
        yield local_client("s3", cloud.endpoint)


@pytest.fixture(params=["in-memory", "s3", pytest.param("local-cloud", marks=pytest.mark.server)])
def store(request: pytest.FixtureRequest) -> ObjectStore:
    if request.param == "in-memory":
        return InMemoryObjectStore()
    if request.param == "local-cloud":
        return _s3_store(f"everloop-{uuid4()}", request.getfixturevalue("local_s3"))
    request.getfixturevalue("atomic_aws")
    return _s3_store()


def test_what_was_put_is_what_comes_back(store: ObjectStore) -> None:
    assert store.put_new("a/b.json", b"body")
    assert store.get("a/b.json").body == b"body"
    assert store.exists("a/b.json")
    assert store.size("a/b.json") == 4


def test_a_key_is_written_only_once(store: ObjectStore) -> None:
    assert store.put_new("key", b"first") is True
    assert store.put_new("key", b"second") is False
    assert store.get("key").body == b"first"


def test_a_file_may_be_written_over(store: ObjectStore, tmp_path: Path) -> None:
    file = tmp_path / "file"
    for body in (b"first", b"second"):
        file.write_bytes(body)
        store.upload(file, "key")
        assert store.get("key").body == body


def test_an_absent_object_is_not_found(store: ObjectStore, tmp_path: Path) -> None:
    assert not store.exists("absent")
    with pytest.raises(ObjectNotFoundError, match="absent"):
        store.get("absent")
    with pytest.raises(ObjectNotFoundError, match="absent"):
        store.size("absent")
    with pytest.raises(ObjectNotFoundError, match="absent"):
        store.download("absent", tmp_path / "file")


def test_a_prefix_of_a_key_is_no_object(store: ObjectStore) -> None:
    store.put_new("folder/file", b"")
    assert not store.exists("folder")
    assert not store.exists("folder/")


def test_replace_takes_the_etag_it_was_given_and_returns_the_next(store: ObjectStore) -> None:
    store.put_new("key", b"one")
    etag = store.replace("key", b"two", etag=store.get("key").etag)
    assert store.get("key") == (b"two", etag)
    store.replace("key", b"three", etag=etag)
    assert store.get("key").body == b"three"


def test_replace_with_an_old_etag_loses_and_changes_nothing(store: ObjectStore) -> None:
    store.put_new("key", b"one")
    old = store.get("key").etag
    store.replace("key", b"two", etag=old)
    with pytest.raises(PreconditionFailedError, match="key"):
        store.replace("key", b"three", etag=old)
    assert store.get("key").body == b"two"


def test_replace_without_an_etag_creates_and_never_overwrites(store: ObjectStore) -> None:
    store.replace("key", b"one", etag=None)
    with pytest.raises(PreconditionFailedError):
        store.replace("key", b"two", etag=None)
    assert store.get("key").body == b"one"


def test_replace_of_an_object_that_is_gone_loses(store: ObjectStore) -> None:
    store.put_new("other", b"one")
    with pytest.raises(PreconditionFailedError):
        store.replace("gone", b"two", etag=store.get("other").etag)
    assert not store.exists("gone")


def test_keys_are_listed_in_lexical_order_by_prefix(store: ObjectStore) -> None:
    for key in ("m/10", "m/9", "m/ü", "m/z", "m/A", "n/1", "m"):
        store.put_new(key, b"")
    assert list(store.list_keys("m/")) == ["m/10", "m/9", "m/A", "m/z", "m/ü"]
    assert list(store.list_keys("absent/")) == []


def test_listing_goes_on_after_a_key_that_need_not_exist(store: ObjectStore) -> None:
    for day in ("2026-01-01", "2026-01-02", "2026-01-03"):
        store.put_new(f"dt={day}/a", b"")
    assert list(store.list_keys("dt=", after="dt=2026-01-02")) == ["dt=2026-01-02/a", "dt=2026-01-03/a"]
    assert list(store.list_keys("dt=", after="dt=2026-01-02/a")) == ["dt=2026-01-03/a"]


def test_more_keys_than_one_page_are_all_listed(store: ObjectStore) -> None:
    for number in range(1_005):
        store.put_new(f"many/{number:05}", b"")
    keys = list(store.list_keys("many/"))
    assert len(keys) == 1_005
    assert keys == sorted(keys)


@pytest.mark.parametrize("key", ["ünïcödé/字 (1)+%20&=.json", "a b/c", "trailing/…"])
def test_any_key_a_person_writes_is_kept_as_it_is(store: ObjectStore, key: str) -> None:
    assert store.put_new(key, b"body")
    assert store.get(key).body == b"body"
    assert list(store.list_keys(key[:2])) == [key]


def test_files_come_and_go_with_their_bytes(store: ObjectStore, tmp_path: Path) -> None:
    source, target = tmp_path / "source", tmp_path / "target"
    source.write_bytes(bytes(range(256)) * 100)
    assert store.upload_new(source, "file") is True
    store.download("file", target)
    assert target.read_bytes() == source.read_bytes()
    source.write_bytes(b"other")
    assert store.upload_new(source, "file") is False
    store.download("file", target)
    assert len(target.read_bytes()) == 25_600


def test_of_many_that_put_one_key_exactly_one_wins(store: ObjectStore) -> None:
    with fine_switching(), ThreadPoolExecutor(THREADS) as pool:
        for race in range(20):
            won = list(pool.map(lambda n, key=f"race/{race}": store.put_new(key, str(n).encode()), range(THREADS)))
            assert sum(won) == 1
            assert store.get(f"race/{race}").body == str(won.index(True)).encode()


def test_of_many_that_swap_one_object_exactly_one_wins(store: ObjectStore) -> None:
    def swap(number: int, etag: str | None) -> bool:
        try:
            store.replace("race", f"{etag} {number}".encode(), etag=etag)
        except PreconditionFailedError:
            return False
        return True

    etag = None
    with fine_switching(), ThreadPoolExecutor(THREADS) as pool:
        for _ in range(20):
            won = list(pool.map(lambda number, etag=etag: swap(number, etag), range(THREADS)))
            assert sum(won) == 1
            assert store.get("race").body == f"{etag} {won.index(True)}".encode()
            etag = store.get("race").etag


def test_s3_downloads_the_very_version_that_was_announced(atomic_aws: None, tmp_path: Path) -> None:
    store, client = _s3_store(), boto3.client("s3")
    first = client.put_object(Bucket=BUCKET, Key="upload.csv", Body=b"first")["VersionId"]
    client.put_object(Bucket=BUCKET, Key="upload.csv", Body=b"second")
    store.download("upload.csv", tmp_path / "file", version=first)
    assert (tmp_path / "file").read_bytes() == b"first"
    store.download("upload.csv", tmp_path / "file")
    assert (tmp_path / "file").read_bytes() == b"second"


def test_s3_says_not_found_for_a_version_that_is_gone(atomic_aws: None, tmp_path: Path) -> None:
    store, client = _s3_store(), boto3.client("s3")
    version = client.put_object(Bucket=BUCKET, Key="upload.csv", Body=b"first")["VersionId"]
    client.delete_object(Bucket=BUCKET, Key="upload.csv", VersionId=version)
    with pytest.raises(ObjectNotFoundError):
        store.download("upload.csv", tmp_path / "file", version=version)


@pytest.mark.parametrize(
    "call", ["get", "exists", "size", "put_new", "replace", "list_keys", "download", "upload_new", "upload"]
)
def test_no_foreign_error_leaves_the_s3_adapter(aws: None, tmp_path: Path, call: str) -> None:
    """The bucket does not exist: each method answers with an error of ours that names the object."""
    store = S3ObjectStore("no-such-bucket")
    (tmp_path / "file").touch()
    calls: dict[str, Callable[[], object]] = {
        "get": lambda: store.get("key"),
        "exists": lambda: store.exists("key"),
        "size": lambda: store.size("key"),
        "put_new": lambda: store.put_new("key", b""),
        "replace": lambda: store.replace("key", b"", etag=None),
        "list_keys": lambda: list(store.list_keys("key")),
        "download": lambda: store.download("key", tmp_path / "target"),
        "upload_new": lambda: store.upload_new(tmp_path / "file", "key"),
        "upload": lambda: store.upload(tmp_path / "file", "key"),
    }
    with pytest.raises(StorageError, match="s3://no-such-bucket/key"):
        calls[call]()


class _BusyS3:
    """An S3 client that answers 409 a few times, as S3 does while another conditional write is under way."""

    def __init__(self, refusals: int) -> None:
        self._refusals = refusals
        self.bodies: list[bytes] = []

    def put_object(self, *, Body: object, **_: object) -> dict[str, str]:  # boto3's own name
        from botocore.exceptions import ClientError

        self.bodies.append(Body.read() if hasattr(Body, "read") else Body)  # type: ignore[arg-type]
        if len(self.bodies) <= self._refusals:
            raise ClientError({"Error": {"Code": "ConditionalRequestConflict"}}, "PutObject")
        return {"ETag": "etag"}


def test_s3_asks_again_while_another_conditional_write_is_under_way(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"body")
    client = _BusyS3(refusals=3)
    assert S3ObjectStore("bucket", client).upload_new(tmp_path / "file", "key")
    assert client.bodies == [b"body"] * 4, "each attempt sends the whole file"


def test_s3_gives_up_on_a_key_that_stays_contended() -> None:
    with pytest.raises(StorageError, match="still contended"):
        S3ObjectStore("bucket", _BusyS3(refusals=1_000)).put_new("key", b"")
