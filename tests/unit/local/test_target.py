"""A target is the running local cloud or AWS, and says so when nothing is there."""

import json
from dataclasses import asdict
from pathlib import Path

import pytest

from local.cloud.process import Cloud
from local.console import announced
from local.errors import LocalCloudError, NotDeployedError
from local.project import Project
from local.target import Target, _reachable

NOBODY = Cloud(pid=1, port=1, endpoint="http://127.0.0.1:1", started_at="2026-01-01T00:00:00+00:00")


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project(root=tmp_path, home=tmp_path / ".everloop")


def test_without_a_local_cloud_the_target_is_aws(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("EVERLOOP_TARGET", raising=False)
    assert Target.current(project).kind == "aws"


def test_a_local_target_is_never_replaced_by_aws(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EVERLOOP_TARGET", "local")
    with pytest.raises(LocalCloudError, match="no local cloud runs; run `everloop up`"):
        Target.current(project)


def test_a_misspelt_target_is_named(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EVERLOOP_TARGET", "azure")
    with pytest.raises(LocalCloudError, match="'azure'; expected 'local' or 'aws'"):
        Target.current(project)


def test_a_cloud_that_does_not_answer_is_no_traceback() -> None:
    with pytest.raises(NotDeployedError, match=r"cannot list the stacks .* run `everloop up`"):
        Target(NOBODY).outputs()


def test_after_down_the_local_cloud_is_named_before_aws(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", "/nowhere")
    with pytest.raises(NotDeployedError, match=r"^the local cloud is not running, and on AWS: cannot list the stacks"):
        Target(None).outputs()


def test_a_local_client_reads_no_profile_of_the_host(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_PROFILE", "there-is-no-such-profile")
    monkeypatch.setenv("AWS_REGION", "eu-central-1")
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", "https://s3.example.com")
    client = Target(NOBODY).client("s3")
    assert client.meta.endpoint_url == NOBODY.endpoint
    assert client.meta.region_name == "us-east-1"


def test_a_cloud_that_died_is_not_replaced_by_aws(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("EVERLOOP_TARGET", raising=False)
    project.home.mkdir()
    project.cloud_file.write_text(json.dumps(asdict(NOBODY)))
    with pytest.raises(LocalCloudError, match=r"\(pid 1\) died; run `everloop up`, or set EVERLOOP_TARGET=aws"):
        Target.current(project)
    monkeypatch.setenv("EVERLOOP_TARGET", "aws")
    assert Target.current(project).kind == "aws"


def test_local_outputs_hold_urls_that_answer() -> None:
    reachable = _reachable(
        {
            "ApiId": "abc",
            "ApiStage": "v1",
            "ApiUrl": "https://abc.execute-api.us-east-1.amazonaws.com/v1/",
            "PredictionQueueUrl": "http://localhost:4566/000000000000/Predictions",
            "LakeBucketName": "lake",
        },
        NOBODY,
    )
    assert reachable == {
        "ApiId": "abc",
        "ApiStage": "v1",
        "ApiUrl": "http://127.0.0.1:1/restapis/abc/v1/_user_request_",
        "PredictionQueueUrl": "http://127.0.0.1:1/000000000000/Predictions",
        "LakeBucketName": "lake",
    }


def test_a_change_in_aws_is_announced(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-central-1")
    monkeypatch.delenv("AWS_PROFILE", raising=False)
    announced(Target(None))
    announced(Target(NOBODY))
    assert capsys.readouterr() == ("", "target: AWS, eu-central-1\n")
