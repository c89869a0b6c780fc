"""The registry has no index beside its objects: versions, champions and runs can be told again from S3 alone."""

import json
from typing import Any

import boto3
import pytest

from everloop.adapters.s3_objects import S3ObjectStore
from everloop.contracts.registry import RunReport
from everloop.errors import IntegrityError
from everloop.stores.registry import ModelRegistry
from functions.registry import operate_models, read_models
from tests.plant import LAKE, MODEL, MODELS, Plant
from tests.samples import NOW, event, register

READ = ("read_models", "read_model", "read_versions", "read_version", "read_card", "read_history", "read_run")
COPIES = {LAKE: "copied-lake", MODELS: "copied-models"}


@pytest.fixture
def lived(plant: Plant) -> Plant:
    """Three versions, of which each was champion, and a rollback."""
    for version in (1, 2, 3):
        register(plant.registry, MODEL, f"run-{version}")
        report = RunReport(model=MODEL, run_id=f"run-{version}", status="promoted", version=version, finished_at=NOW)
        plant.registry.save_report(report)
        operate("promote", json.dumps({"version": version}))
    operate("roll_back", None)
    return plant


def operate(sample: str, body: str | None) -> None:
    response = operate_models.lambda_handler(event(f"registry/{sample}.json") | {"body": body}, None)
    assert response["statusCode"] == 200, response["body"]


def told() -> dict[str, Any]:
    responses = {name: read_models.lambda_handler(event(f"registry/{name}.json"), None) for name in READ}
    assert {response["statusCode"] for response in responses.values()} == {200}
    return {name: response["body"] for name, response in responses.items()}


def test_copied_objects_tell_the_same_versions_champions_and_runs(
    lived: Plant, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = told()
    for bucket, copy in COPIES.items():
        _copy(bucket, copy)
    monkeypatch.setenv("EVERLOOP_LAKE_BUCKET", COPIES[LAKE])
    monkeypatch.setenv("EVERLOOP_MODELS_BUCKET", COPIES[MODELS])
    read_models.views.cache_clear()
    assert told() == before
    copied = ModelRegistry(S3ObjectStore(COPIES[MODELS]))
    assert (copied.versions(MODEL), copied.aliases(MODEL).champion) == ([1, 2, 3], 2)
    assert register(copied, MODEL, "run-4") == 4, "and life goes on"
    assert register(copied, MODEL, "run-2") == 2, "a run keeps its number"


def _copy(bucket: str, copy: str) -> None:
    """Keys and bytes, and nothing else of the old bucket."""
    s3 = boto3.client("s3")
    s3.create_bucket(Bucket=copy, CreateBucketConfiguration={"LocationConstraint": "eu-central-1"})
    for entry in s3.list_objects_v2(Bucket=bucket).get("Contents", []):
        s3.put_object(Bucket=copy, Key=entry["Key"], Body=s3.get_object(Bucket=bucket, Key=entry["Key"])["Body"].read())


def test_damaged_aliases_are_restored_from_the_bucket_s_older_version_with_all_their_history(plant: Plant) -> None:
    s3, key = boto3.client("s3"), f"{MODEL}/aliases.json"
    s3.put_bucket_versioning(Bucket=MODELS, VersioningConfiguration={"Status": "Enabled"})
    for version in (1, 2):
        register(plant.registry, MODEL, f"run-{version}")
        operate("promote", json.dumps({"version": version}))
    before = plant.registry.aliases(MODEL)
    s3.put_object(Bucket=MODELS, Key=key, Body=b"damaged")
    with pytest.raises(IntegrityError, match="restore its last good version"):
        plant.registry.aliases(MODEL)
    _, last_good, *_ = s3.list_object_versions(Bucket=MODELS, Prefix=key)["Versions"]
    s3.copy_object(
        Bucket=MODELS, Key=key, CopySource={"Bucket": MODELS, "Key": key, "VersionId": last_good["VersionId"]}
    )
    assert plant.registry.aliases(MODEL) == before
    operate("roll_back", None)
    assert plant.registry.aliases(MODEL).champion == 1
