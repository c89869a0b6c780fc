"""What may come in again, and that no row is counted twice when it does."""

import hashlib
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import boto3
import pytest
from moto import mock_aws

from everloop.contracts.batches import BatchReport, BatchStatus, RowCounts, Source
from local.api import Answer, Api
from local.errors import ApiError
from local.loop import Loop
from local.replay import Candidate, Totals, candidates, totals, waiting_rows
from local.target import Target

NOW = datetime(2026, 3, 1, tzinfo=UTC)


def report(
    batch_id: str, *, accepted: int = 0, quarantined: int = 0, duplicates: int = 0, **fields: Any
) -> BatchReport:
    delivered = accepted + quarantined + duplicates
    replay_of = fields.pop("replay_of", None)
    given: dict[str, Any] = {
        "status": BatchStatus.ACCEPTED
        if accepted
        else BatchStatus.QUARANTINED
        if quarantined
        else BatchStatus.REJECTED,
        "reason": None if accepted else "no_valid_rows",
        "definition_hash": "old",
        **fields,
    }
    return BatchReport(
        batch_id=batch_id,
        model="pump",
        rows=RowCounts(delivered=delivered, accepted=accepted, quarantined=quarantined, duplicates=duplicates),
        source=Source(bucket="landing", key=f"uploads/pump/{batch_id}.csv", size_bytes=1, replay_of=replay_of),
        received_at=NOW,
        **given,
    )


def test_rows_wait_until_a_replay_takes_them_over() -> None:
    first = report("a", accepted=7, quarantined=3)
    assert waiting_rows([first]) == {"a": 3}
    replay = report("b", accepted=2, quarantined=1, replay_of="a", definition_hash="new")
    assert waiting_rows([replay, first]) == {"b": 1}, "only those that failed again, and where they lie now"
    assert waiting_rows([first, replay, report("c", accepted=1, replay_of="b")]) == {}


def test_a_replay_that_was_refused_unread_leaves_the_rows_waiting() -> None:
    first = report("a", quarantined=3)
    refused = report("b", replay_of="a", definition_hash="new", reason="missing_columns")
    assert waiting_rows([first, refused]) == {"a": 3}
    assert candidates([first, refused]) == [Candidate(first, judged_by="new")]


def test_refused_files_may_come_again_if_somebody_looked_at_their_bytes() -> None:
    refused = report("a", reason="missing_columns")
    gone = report("b", reason="object_gone")
    large = report("c", reason="too_large")
    [found] = candidates([refused, gone, large, report("d", accepted=1)])
    assert (found, found.is_file, found.what) == (Candidate(refused, "old"), True, "file uploads/pump/a.csv")


def test_delivered_is_accepted_and_duplicates_and_what_waits_however_often_rows_are_replayed() -> None:
    first = report("a", accepted=6, quarantined=3, duplicates=1)
    replay = report("b", accepted=1, quarantined=2, replay_of="a")
    again = report("c", accepted=1, duplicates=1, replay_of="b")
    assert totals([first]) == Totals(delivered=10, accepted=6, duplicates=1, waiting=3)
    assert totals([first, replay]) == Totals(delivered=10, accepted=7, duplicates=1, waiting=2)
    assert totals([first, replay, again]) == Totals(delivered=10, accepted=8, duplicates=2, waiting=0)


# Refused files


class Landing(Target):
    """Nothing but a versioned bucket."""

    def __init__(self) -> None:
        super().__init__(None)
        self.s3 = boto3.client("s3", region_name="us-east-1")
        self.s3.create_bucket(Bucket="landing")
        self.s3.put_bucket_versioning(Bucket="landing", VersioningConfiguration={"Status": "Enabled"})

    def client(self, service: str) -> Any:
        return {"s3": self.s3}[service]

    def put(self, body: bytes) -> str:
        return str(self.s3.put_object(Bucket="landing", Key="uploads/pump/a.csv", Body=body)["VersionId"])

    def versions(self) -> int:
        return len(self.s3.list_object_versions(Bucket="landing")["Versions"])


class DefinitionApi(Api):
    """Knows the hash of the deployed definition and nothing else."""

    def call(self, method: str, path: str, body: Any = None) -> Answer:
        return Answer(200, '{"definition_hash": "new"}')


@pytest.fixture
def landing(monkeypatch: pytest.MonkeyPatch) -> Iterator[Landing]:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    with mock_aws():
        yield Landing()


def replay(landing: Landing, version_id: str, judged_by: str = "old", body: bytes | None = None) -> str:
    """Of a file with these bytes, whose id is theirs, or "a"."""
    loop = Loop(landing)
    loop.api = DefinitionApi(landing)
    refused = report("a" if body is None else hashlib.sha256(body).hexdigest()[:16], reason="missing_columns")
    size = 1 if body is None else len(body)
    source = refused.source.model_copy(
        update={"key": "uploads/pump/a.csv", "version_id": version_id, "size_bytes": size}
    )
    return loop.replay("pump", Candidate(refused.model_copy(update={"source": source}), judged_by))


def test_a_refused_file_is_announced_again_as_it_lies_there(landing: Landing) -> None:
    assert replay(landing, landing.put(b"rows")) == "a"
    assert landing.versions() == 2
    assert landing.s3.get_object(Bucket="landing", Key="uploads/pump/a.csv")["Body"].read() == b"rows"


def test_nothing_is_announced_again_under_the_definition_that_refused_it(landing: Landing) -> None:
    with pytest.raises(ApiError, match="judged by this very definition"):
        replay(landing, landing.put(b"rows"), judged_by="new")
    assert landing.versions() == 1


def test_a_file_that_was_replaced_or_deleted_is_left_alone(landing: Landing) -> None:
    refused = landing.put(b"rows")
    landing.put(b"other rows")
    with pytest.raises(ApiError, match="another file lies there by now"):
        replay(landing, refused)
    landing.s3.delete_object(Bucket="landing", Key="uploads/pump/a.csv")
    with pytest.raises(ApiError, match="no longer to be read there"):
        replay(landing, refused)
    assert landing.versions() == 2


def test_the_same_bytes_uploaded_again_are_the_same_file(landing: Landing) -> None:
    refused = landing.put(b"rows")
    landing.put(b"rows")
    assert replay(landing, refused, body=b"rows") == hashlib.sha256(b"rows").hexdigest()[:16]
    assert landing.versions() == 3


def test_other_bytes_of_the_same_length_are_another_file(landing: Landing) -> None:
    refused = landing.put(b"rows")
    landing.put(b"ROWS")
    with pytest.raises(ApiError, match="another file lies there by now"):
        replay(landing, refused, body=b"rows")
    assert landing.versions() == 2
