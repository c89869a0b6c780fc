"""Files that cannot be used, and files that come twice: each ends as one report in the lake."""

import hashlib
from pathlib import Path

import pytest

from everloop.contracts.batches import BatchReport, BatchStatus
from local.errors import ApiError
from local.loop import Loop, wait_for
from tests.e2e.pumps import readings, write_csv
from tests.e2e.steps import TIMEOUT_S, lake_keys, upload

pytestmark = pytest.mark.server

MODEL = "pump-filed"


def put(loop: Loop, key: str, body: bytes) -> BatchReport:
    """What becomes of an object that somebody put into the landing bucket, whatever its key."""
    loop.target.client("s3").put_object(Bucket=loop.target.output("LandingBucketName"), Key=key, Body=body)
    [model] = key.split("/")[1:-1] or ["_"]
    batch_id = hashlib.sha256(body).hexdigest()[:16]
    # Not `wait_for_report`: it asks the API about the model, which knows nothing of a misspelled one.
    return wait_for(lambda: loop.report(model, batch_id), f"the report of {key}", TIMEOUT_S)


@pytest.mark.parametrize(
    ("key", "body", "reason", "words"),
    [
        (f"uploads/{MODEL}/empty.csv", b"", "empty_file", "expected rows"),
        (f"uploads/{MODEL}/blank.csv", b"\n \n", "empty_file", "expected rows"),
        (f"uploads/{MODEL}/noise.csv", bytes(range(256)) * 20, "invalid_encoding", "save the file as UTF-8"),
        (f"uploads/{MODEL}/cut.parquet", b"PAR1" + bytes(100), "unreadable_file", "Parquet"),
        (f"uploads/{MODEL}/sheet.csv", b"PK\x03\x04" + bytes(100), "unsupported_format", "Excel"),
        (f"uploads/{MODEL}/short.csv", b"reading,measured_at\n1,2026-03-01\n", "missing_columns", "'starts', 'failed'"),
        ("uploads/pomp-filed/typo.csv", b"reading\n1\n", "unknown_model", "no model is called 'pomp-filed'"),
        ("uploads/lost.csv", b"reading\n2\n", "unknown_model", "upload to uploads/{model}/{file}"),
    ],
    ids=lambda value: value if isinstance(value, str) and "_" in value and "/" not in value else "",
)
def test_a_file_that_cannot_be_used_is_told_so(loop: Loop, *, key: str, body: bytes, reason: str, words: str) -> None:
    report = put(loop, key, body)
    assert (report.status, report.reason) == (BatchStatus.REJECTED, reason)
    assert report.detail is not None
    assert words in report.detail
    assert report.source.key == key
    assert lake_keys(loop, f"batches/{report.model}/{report.batch_id}") == []


def test_an_upload_for_an_unknown_model_is_refused_before_it_leaves_this_machine(loop: Loop, tmp_path: Path) -> None:
    path = write_csv(tmp_path / "rows.csv", readings(5, seed=1))
    with pytest.raises(ApiError, match=r"no model is called 'pomp-filed'; deployed models: .*pump-filed"):
        loop.upload("pomp-filed", path)


def test_a_file_uploaded_twice_is_one_batch(loop: Loop, tmp_path: Path) -> None:
    rows = readings(300, seed=5)
    first = upload(loop, MODEL, write_csv(tmp_path / "rows.csv", rows))
    loop.upload(MODEL, write_csv(tmp_path / "the same rows under another name.csv", rows))
    wait_for(lambda: metric_is_there(loop, "UploadsDuplicate") or None, "the second look at the file", TIMEOUT_S)
    assert loop.report(MODEL, first.batch_id) == first, "the first report stands"
    kept = [report for report in loop.batches(MODEL) if report.status is BatchStatus.ACCEPTED]
    assert kept == [first]
    assert lake_keys(loop, f"batches/{MODEL}/") == [f"batches/{MODEL}/{first.batch_id}.parquet"]


def metric_is_there(loop: Loop, name: str) -> bool:
    """Whether a function has counted this for the model: a duplicate leaves no other trace."""
    listed = loop.target.client("cloudwatch").list_metrics(Namespace="Everloop", MetricName=name)["Metrics"]
    return any({"Name": "model", "Value": MODEL} in metric["Dimensions"] for metric in listed)
