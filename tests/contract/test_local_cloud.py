"""The embedded cloud behaves like AWS where Everloop relies on it; an upgrade of MiniStack has to pass here."""

import json
import os
import shutil
import signal
import socket
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from local.api import Api
from local.cloud import process
from local.cloud.assembly import FileAsset, StackArtifact
from local.cloud.deploy import Deployment, deploy
from local.cloud.process import Cloud
from local.cloud.process_table import living_processes
from local.cloud.up import bring_up
from local.errors import DeploymentError, LocalCloudError, PortInUseError
from local.project import SOURCE_ROOT, Project
from local.target import Target
from tests.contract.tiny_app import WINDOW_S, write_assembly
from tests.e2e.clouds import free_port, on_a_free_port

pytestmark = pytest.mark.server

HOST_SECRETS = {
    "AWS_PROFILE": "production",
    "AWS_ACCESS_KEY_ID": "AKIAREALREALREALREAL",
    "AWS_SECRET_ACCESS_KEY": "real",
    "AWS_SESSION_TOKEN": "real",
    "AWS_REGION": "eu-central-1",
    "AWS_CA_BUNDLE": "/nowhere/ca.pem",
    "AWS_ENDPOINT_URL_S3": "https://s3.example.com",
    "GITHUB_TOKEN": "real",
    "PYTHONPATH": "/nowhere",
}


@dataclass
class Running:
    project: Project
    cloud: Cloud
    assembly: Path

    @property
    def target(self) -> Target:
        return Target(self.cloud)

    def call(self, operation: str) -> tuple[Any, str | None]:
        """The function's answer and the kind of its failure."""
        answer = self.target.client("lambda").invoke(
            FunctionName=self.target.output("ProbeName"), Payload=json.dumps({"do": operation})
        )
        return json.loads(answer["Payload"].read()), answer.get("FunctionError")

    def request(self, method: str, **headers: str) -> tuple[int, str]:
        request = urllib.request.Request(self.target.api_url + "/", method=method, data=b"{}", headers=headers)
        try:
            with urllib.request.urlopen(request, timeout=20) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    folder = tmp_path_factory.mktemp("project with spaces")
    project = Project(root=folder, home=folder / ".everloop")
    with pytest.MonkeyPatch.context() as host:
        for name, value in HOST_SECRETS.items():
            host.setenv(name, value)
        cloud = on_a_free_port(lambda port: process.start(project, port))
        try:
            assembly = write_assembly(folder / "cdk.out")
            deploy(assembly, cloud.endpoint)
            yield Running(project, cloud, assembly)
        finally:
            process.stop(project)


def eventually(look: Callable[[], Any], timeout_s: float = 60) -> Any:
    """What `look` finds as soon as it finds something."""
    deadline = time.monotonic() + timeout_s
    while not (found := look()):
        assert time.monotonic() < deadline, f"not within {timeout_s} s"
        time.sleep(0.02)
    return found


def test_an_error_keeps_its_name_and_its_environment(running: Running) -> None:
    before, _ = running.call("describe")
    error, failure = running.call("fail")
    after, _ = running.call("describe")
    assert failure == "Unhandled"
    assert (error["errorType"], error["errorMessage"]) == ("CustomError", "secret detail")
    assert (after["pid"], after["calls"]) == (before["pid"], before["calls"] + 2)


def test_step_functions_catches_an_error_by_its_name(running: Running) -> None:
    machine = running.target.client("stepfunctions")
    run = machine.start_execution(stateMachineArn=running.target.output("MachineArn"), input='{"do": "fail"}')

    def finished() -> Any:
        execution = machine.describe_execution(executionArn=run["executionArn"])
        return execution if execution["status"] != "RUNNING" else None

    execution = eventually(finished)
    assert (execution["status"], json.loads(execution["output"])) == ("SUCCEEDED", {"caught": "CustomError"})


def test_a_function_cannot_take_more_memory_than_it_has(running: Running) -> None:
    error, failure = running.call("allocate")
    assert failure == "Unhandled"
    assert error["errorType"] == "Runtime.ExitError"
    assert "signal: killed" in error["errorMessage"]
    assert running.call("describe")[1] is None, "the next call gets a new environment"


def test_printed_and_counted_metrics_reach_cloudwatch(running: Running) -> None:
    running.call("emit metric")
    running.request("POST", **{"x-api-key": running.target.api_key()})
    drift = statistics(running, "Tiny", "Drift", {"Service": "a"})
    assert [(point["Maximum"], point["Unit"]) for point in drift] == [(4.5, "Count")]
    function = {"FunctionName": running.target.output("ProbeName")}
    before = sum(point["Sum"] for point in statistics(running, "AWS/Lambda", "Invocations", function))
    running.request("POST", **{"x-api-key": running.target.api_key()})
    after = sum(point["Sum"] for point in statistics(running, "AWS/Lambda", "Invocations", function))
    assert after == before + 1, "a call through the API counts, and once"


def statistics(running: Running, namespace: str, name: str, dimensions: dict[str, str]) -> list[dict[str, Any]]:
    now = datetime.now(UTC)
    points: list[dict[str, Any]] = running.target.client("cloudwatch").get_metric_statistics(
        Namespace=namespace,
        MetricName=name,
        Dimensions=[{"Name": key, "Value": value} for key, value in dimensions.items()],
        StartTime=now - timedelta(hours=1),
        EndTime=now + timedelta(minutes=1),
        Period=3600,
        Statistics=["Maximum", "Sum"],
    )["Datapoints"]
    return points


def test_the_api_hides_what_went_wrong_inside(running: Running) -> None:
    status, body = running.request("DELETE", **{"x-api-key": running.target.api_key()})
    assert (status, json.loads(body)) == (502, {"message": "Internal server error"})


def test_the_api_asks_for_its_key(running: Running) -> None:
    assert running.request("POST")[0] == 403
    assert running.request("POST", **{"x-api-key": running.target.api_key()}) == (200, '{"hello": "world"}')


def test_the_client_of_the_api_signs_and_brings_the_key(running: Running) -> None:
    answer = Api(running.target).call("POST", "/", {"rows": []})
    assert (answer.status, answer.json()) == (200, {"hello": "world"})


def test_a_function_sees_its_layer_and_the_host_s_packages_but_not_the_checkout(running: Running) -> None:
    seen, _ = running.call("describe")
    assert seen["everloop"][1] == "layer"
    assert "site-packages" in seen["numpy"]
    checkout = {str(SOURCE_ROOT), str(SOURCE_ROOT / "layers" / "everloop" / "python")}
    assert not checkout & set(seen["path"])
    assert "/nowhere" not in seen["path"]


def test_nothing_of_the_host_s_account_is_visible_in_a_function(running: Running) -> None:
    environment = running.call("describe")[0]["environment"]
    leaked = {name for name, value in HOST_SECRETS.items() if environment.get(name) == value}
    assert not leaked
    assert environment["AWS_ENDPOINT_URL"] == running.cloud.endpoint
    assert environment["AWS_REGION"] == environment["AWS_DEFAULT_REGION"] == "us-east-1"
    assert environment["AWS_ACCESS_KEY_ID"] == "000000000000"
    assert environment["POWERTOOLS_TRACE_DISABLED"] == "1"


def test_a_large_file_is_downloaded_as_it_was_uploaded_by_its_version_too(running: Running, tmp_path: Path) -> None:
    """In parts, as boto3 does it."""
    client = running.target.client("s3")
    client.create_bucket(Bucket="large")
    client.put_bucket_versioning(Bucket="large", VersioningConfiguration={"Status": "Enabled"})
    body = bytes(range(256)) * 70_000
    (tmp_path / "up").write_bytes(body)
    client.upload_file(str(tmp_path / "up"), "large", "file")
    version = client.head_object(Bucket="large", Key="file")["VersionId"]
    for extra in ({}, {"VersionId": version}):
        client.download_file("large", "file", str(tmp_path / "down"), ExtraArgs=extra)
        assert (tmp_path / "down").read_bytes() == body
    part = client.get_object(Bucket="large", Key="file", VersionId=version, Range="bytes=-3")
    assert (part["Body"].read(), part["ContentRange"]) == (b"\xfd\xfe\xff", "bytes 17919997-17919999/17920000")


def test_a_stack_imports_what_another_exports(running: Running) -> None:
    environment = running.call("describe")[0]["environment"]
    assert environment["LAKE"] == running.target.output("LakeBucketName")


def test_only_this_machine_can_connect(running: Running) -> None:
    # The whole of 127.0.0.0/8 is this machine, yet only the address that was bound answers.
    with socket.socket() as other:
        assert other.connect_ex(("127.0.0.2", running.cloud.port)) != 0


def test_deploying_again_touches_only_what_changed(running: Running) -> None:
    actions = {stack.name: stack.action for stack in deploy(running.assembly, running.cloud.endpoint)}
    assert actions == {"EverloopStorage": "unchanged", "EverloopServing": "unchanged"}
    write_assembly(running.assembly, layer_origin="newer layer")
    actions = {stack.name: stack.action for stack in deploy(running.assembly, running.cloud.endpoint)}
    assert actions == {"EverloopStorage": "unchanged", "EverloopServing": "updated"}
    assert running.call("describe")[0]["everloop"][1] == "newer layer"
    write_assembly(running.assembly)
    deploy(running.assembly, running.cloud.endpoint)


def test_a_refused_stack_names_the_resource_and_can_be_mended(running: Running, tmp_path: Path) -> None:
    template = tmp_path / "Broken.template.json"
    wrong = {"Type": "AWS::SSM::Parameter", "Properties": {"Type": "String", "Value": {"Fn::ImportValue": "Nowhere"}}}
    right = {"Type": "AWS::SSM::Parameter", "Properties": {"Type": "String", "Value": "here"}}

    def attempt(number: int, resource: dict[str, Any]) -> str:
        template.write_text(json.dumps({"Resources": {"Setting": resource}}))
        asset = FileAsset(template, zipped=False, bucket="broken-templates", key=f"{number}.json")
        return Deployment(running.cloud.endpoint).deploy([StackArtifact("Broken", template, (asset,))])[0].action

    with pytest.raises(DeploymentError, match=r"stack Broken ended as .*\n.*Setting.*Nowhere"):
        attempt(1, wrong)
    assert attempt(2, right) == "created"
    with pytest.raises(DeploymentError, match=r"stack Broken ended as .*\n.*Setting.*Nowhere"):
        attempt(3, wrong)
    assert attempt(4, right) == "unchanged"


def test_a_crash_after_saving_forgets_nothing(running: Running) -> None:
    process.save_state(running.project, running.cloud)
    os.killpg(running.cloud.pid, signal.SIGKILL)
    eventually(lambda: process.running(running.project) is None)
    running.cloud = process.start(running.project, running.cloud.port)
    assert running.call("describe")[1] is None


def test_an_interrupted_up_leaves_no_process_behind(tmp_path: Path) -> None:
    project = Project(root=tmp_path, home=tmp_path / ".everloop")
    (tmp_path / "infra").mkdir()
    shutil.copytree(SOURCE_ROOT / "models", tmp_path / "models")
    (tmp_path / "infra" / "__init__.py").touch()
    (tmp_path / "infra" / "app.py").write_text(
        "import os, pathlib\nfrom tests.contract.tiny_app import write_assembly\n"
        "write_assembly(pathlib.Path(os.environ['CDK_OUTDIR']))\n"
    )
    groups: list[int] = []

    @contextmanager
    def interrupted_at(name: str) -> Iterator[None]:
        if name == "deploy":
            groups.append(running_pid(project))
            raise KeyboardInterrupt
        yield

    with pytest.raises(KeyboardInterrupt):
        on_a_free_port(lambda port: bring_up(project, port, interrupted_at))
    assert [row for row in living_processes() if row.group in groups] == []

    @contextmanager
    def uninterrupted(name: str) -> Iterator[None]:
        yield

    try:
        first = on_a_free_port(lambda port: bring_up(project, port, uninterrupted))
        again = bring_up(project, None, uninterrupted)
    finally:
        process.stop(project)
    assert (first.already_running, first.synthesized) == (False, False), "the first attempt did synthesize"
    assert [stack.action for stack in first.stacks] == ["created", "created"]
    assert again.already_running
    assert [stack.action for stack in again.stacks] == ["unchanged", "unchanged"]
    assert again.api_key == first.api_key


def running_pid(project: Project) -> int:
    cloud = process.running(project)
    assert cloud is not None
    return cloud.pid


def test_a_second_start_and_a_taken_port_are_refused(running: Running, tmp_path: Path) -> None:
    with pytest.raises(LocalCloudError, match=f"already runs with pid {running.cloud.pid}"):
        process.start(running.project, free_port())
    other = Project(root=tmp_path, home=tmp_path / ".everloop")
    with pytest.raises(PortInUseError, match=f"port {running.cloud.port} is in use.*--port"):
        process.start(other, running.cloud.port)


def test_state_survives_a_stop_and_no_process_does(running: Running) -> None:
    running.call("describe")
    bucket, key = running.target.output("LakeBucketName"), running.target.api_key()
    running.target.client("s3").put_object(Bucket=bucket, Key="a/b", Body=b"kept")
    parked = running.target.output("ParkedUrl")
    running.target.client("sqs").send_message(QueueUrl=parked, MessageBody="in flight")
    assert receive(running, parked) == ["in flight"]

    stopped = process.stop(running.project)
    assert stopped is not None
    assert not stopped.killed
    assert [row for row in living_processes() if row.group == running.cloud.pid] == []
    assert process.running(running.project) is None
    assert process.stop(running.project) is None

    running.cloud = on_a_free_port(lambda port: process.start(running.project, port))
    assert running.target.client("s3").get_object(Bucket=bucket, Key="a/b")["Body"].read() == b"kept"
    actions = [stack.action for stack in deploy(running.assembly, running.cloud.endpoint)]
    assert actions == ["unchanged", "unchanged"]
    assert running.request("POST", **{"x-api-key": key}) == (200, '{"hello": "world"}')
    assert receive(running, parked) == ["in flight"], "whoever worked on it is gone"
    assert_the_queue_triggers_the_function(running, "after a restart on another port")


def receive(running: Running, queue_url: str) -> list[str]:
    answer = running.target.client("sqs").receive_message(QueueUrl=queue_url, VisibilityTimeout=3600)
    return [message["Body"] for message in answer.get("Messages", [])]


def send(running: Running, queue: str, *bodies: str) -> None:
    client, url = running.target.client("sqs"), running.target.output(f"{queue}Url")
    for body in bodies:
        client.send_message(QueueUrl=url, MessageBody=body)


def consumed_together(running: Running, bodies: Sequence[str]) -> set[str]:
    """How many messages had the calls that took these, as soon as all are taken."""
    lake, bucket = running.target.client("s3"), running.target.output("LakeBucketName")

    def all_taken() -> bool:
        taken = lake.list_objects_v2(Bucket=bucket, Prefix="consumed/").get("Contents", [])
        return {f"consumed/{body}" for body in bodies} <= {each["Key"] for each in taken}

    eventually(all_taken)
    return {lake.get_object(Bucket=bucket, Key=f"consumed/{body}")["Body"].read().decode() for body in bodies}


def assert_the_queue_triggers_the_function(running: Running, body: str) -> None:
    send(running, "Work", body)
    assert consumed_together(running, [body]) == {"1"}


def test_a_queue_triggers_a_function_whose_calls_stay_on_this_machine(running: Running) -> None:
    assert_the_queue_triggers_the_function(running, "first")


def test_a_queue_s_messages_are_gathered_for_as_long_as_its_trigger_says(running: Running) -> None:
    begun = time.monotonic()
    bodies = [f"gathered-{number}" for number in range(3)]
    messages = [{"Id": body, "MessageBody": body} for body in bodies]  # at once: a window is short on a busy machine
    url = running.target.output("GatheredUrl")
    sent = running.target.client("sqs").send_message_batch(QueueUrl=url, Entries=messages)
    assert len(sent["Successful"]) == len(bodies)
    assert consumed_together(running, bodies) == {"3"}
    assert time.monotonic() - begun >= WINDOW_S


def test_a_batch_goes_before_its_window_ends_when_it_is_full_or_would_be_too_large(running: Running) -> None:
    large = [f"large-{number}" for number in range(7)]
    send(running, "Filled", *(body + " " * 900_000 for body in large))
    assert consumed_together(running, large[:6]) == {"6"}, "with the seventh they would exceed 6 MB"
    small = [f"small-{number}" for number in range(19)]
    send(running, "Filled", *small)
    assert consumed_together(running, [large[6], *small]) == {"20"}


def test_a_record_of_a_dead_or_foreign_process_is_not_believed(tmp_path: Path) -> None:
    project = Project(root=tmp_path, home=tmp_path)
    for pid in (os.getpid(), 2**22):
        project.cloud_file.write_text(json.dumps(asdict(Cloud(pid, 1, "http://127.0.0.1:1", "2026-01-01"))))
        assert process.running(project) is None
    project.cloud_file.write_text("{")
    assert process.running(project) is None
