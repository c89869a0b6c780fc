"""Deploy a cloud assembly to the local cloud: what `cdk deploy` does, without its seconds of start-up."""

import io
import json
import os
import time
import zipfile
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path
from typing import Any, Literal

from local.cloud.assembly import FileAsset, StackArtifact, stacks_of
from local.cloud.clients import local_client
from local.errors import DeploymentError

# What `cdk bootstrap` would have left: the templates check this version.
BOOTSTRAP_PARAMETER = "/cdk-bootstrap/hnb659fds/version"
BOOTSTRAP_VERSION = "30"
DEPLOYED = frozenset({"CREATE_COMPLETE", "UPDATE_COMPLETE", "UPDATE_ROLLBACK_COMPLETE"})
NEVER_CREATED = ("CREATE_", "ROLLBACK_", "DELETE_")  # beginnings of states, DEPLOYED apart, that only deletion leaves
CAPABILITIES = ["CAPABILITY_IAM", "CAPABILITY_NAMED_IAM", "CAPABILITY_AUTO_EXPAND"]
TIMEOUT_S = 300.0
POLL_S = 0.05

Action = Literal["created", "updated", "unchanged"]


@dataclass(frozen=True)
class DeployedStack:
    name: str
    action: Action
    seconds: float


def deploy(assembly: Path, endpoint: str) -> list[DeployedStack]:
    """Create or update each stack whose template differs from the deployed one; raises DeploymentError."""
    return Deployment(endpoint).deploy(stacks_of(assembly))


class Deployment:
    def __init__(self, endpoint: str) -> None:
        self.endpoint = endpoint
        self._cloudformation = local_client("cloudformation", endpoint)
        self._s3 = local_client("s3", endpoint)
        self._ssm = local_client("ssm", endpoint)

    def deploy(self, stacks: Iterable[StackArtifact]) -> list[DeployedStack]:
        return [self._deploy_stack(stack) for stack in stacks]

    def _deploy_stack(self, stack: StackArtifact) -> DeployedStack:
        from botocore.exceptions import BotoCoreError, ClientError

        begun = time.monotonic()
        try:
            action = self._converge(stack)
        except (BotoCoreError, ClientError) as error:
            raise DeploymentError(f"stack {stack.name} cannot be deployed: {error}") from error
        return DeployedStack(stack.name, action, round(time.monotonic() - begun, 2))

    def _converge(self, stack: StackArtifact) -> Action:
        status = self._status(stack.name)
        if status in DEPLOYED and self._is_current(stack):
            return "unchanged"
        self._prepare(stack)
        if status is not None and status not in DEPLOYED and status.startswith(NEVER_CREATED):
            self._cloudformation.delete_stack(StackName=stack.name)
            self._settle(stack.name)
            status = None
        return self._create(stack) if status is None else self._update(stack)

    def _create(self, stack: StackArtifact) -> Action:
        self._cloudformation.create_stack(**self._arguments(stack))
        self._expect(stack.name, "CREATE_COMPLETE")
        return "created"

    def _update(self, stack: StackArtifact) -> Action:
        from botocore.exceptions import ClientError

        try:
            self._cloudformation.update_stack(**self._arguments(stack))
        except ClientError as error:
            if "No updates are to be performed" in str(error):
                return "unchanged"
            raise
        self._expect(stack.name, "UPDATE_COMPLETE")
        return "updated"

    def _arguments(self, stack: StackArtifact) -> dict[str, Any]:
        template = stack.template_asset
        return {
            "StackName": stack.name,
            "TemplateURL": f"{self.endpoint}/{template.bucket}/{template.key}",
            "Capabilities": CAPABILITIES,
        }

    def _is_current(self, stack: StackArtifact) -> bool:
        """Ask the cloud, not a note of ours: it may have lost its state. Changed assets change the template, too."""
        deployed = self._cloudformation.get_template(StackName=stack.name)["TemplateBody"]
        return bool(_parsed(deployed) == json.loads(stack.template.read_text()))

    def _prepare(self, stack: StackArtifact) -> None:
        self._ssm.put_parameter(Name=BOOTSTRAP_PARAMETER, Value=BOOTSTRAP_VERSION, Type="String", Overwrite=True)
        for bucket in {asset.bucket for asset in stack.assets}:
            if not self._exists(self._s3.head_bucket, Bucket=bucket):
                self._s3.create_bucket(Bucket=bucket)
        for asset in stack.assets:
            if not self._exists(self._s3.head_object, Bucket=asset.bucket, Key=asset.key):
                self._s3.put_object(Bucket=asset.bucket, Key=asset.key, Body=_body(asset))

    def _exists(self, head: Any, **location: str) -> bool:
        from botocore.exceptions import ClientError

        try:
            head(**location)
        except ClientError as error:
            if error.response["ResponseMetadata"]["HTTPStatusCode"] == 404:
                return False
            raise
        return True

    def _status(self, name: str) -> str | None:
        from botocore.exceptions import ClientError

        try:
            stacks = self._cloudformation.describe_stacks(StackName=name)["Stacks"]
        except ClientError as error:
            if "does not exist" in str(error):
                return None
            raise
        status: str = stacks[0]["StackStatus"]
        return None if status == "DELETE_COMPLETE" else status

    def _settle(self, name: str) -> str | None:
        deadline = time.monotonic() + TIMEOUT_S
        while (status := self._status(name)) is not None and status.endswith("_IN_PROGRESS"):
            if time.monotonic() > deadline:
                raise DeploymentError(f"stack {name} is still {status} after {TIMEOUT_S:.0f} s")
            time.sleep(POLL_S)
        return status

    def _expect(self, name: str, wanted: str) -> None:
        status = self._settle(name)
        if status != wanted:
            reasons = "\n".join(self._failures(name)) or "no reason was given"
            raise DeploymentError(f"stack {name} ended as {status}:\n{reasons}")

    def _failures(self, name: str) -> list[str]:
        """What failed in the latest operation, the first failure first: the rest mostly follows from it."""
        events = self._cloudformation.describe_stack_events(StackName=name)["StackEvents"]
        latest = takewhile(lambda event: not _begins_operation(event), events)
        return [
            f"  {event['LogicalResourceId']} ({event['ResourceType']}): {event.get('ResourceStatusReason', '')}"
            for event in reversed(list(latest))
            if event["ResourceStatus"].endswith("_FAILED")
        ]


def _begins_operation(event: dict[str, Any]) -> bool:
    of_the_stack = event["LogicalResourceId"] == event["StackName"]
    return of_the_stack and event["ResourceStatus"] in ("CREATE_IN_PROGRESS", "UPDATE_IN_PROGRESS")


def _parsed(template: Any) -> Any:
    return json.loads(template) if isinstance(template, str) else template


def _body(asset: FileAsset) -> bytes:
    return _zipped(asset.source) if asset.zipped else asset.source.read_bytes()


def _zipped(folder: Path) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED, compresslevel=1, strict_timestamps=False) as archive:
        for parent, _, names in os.walk(folder, followlinks=True):
            for name in names:
                path = Path(parent, name)
                archive.write(path, path.relative_to(folder))
    return buffer.getvalue()
