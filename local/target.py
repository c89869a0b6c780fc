"""Where commands go: the local cloud while it runs, else the AWS account of the ordinary AWS environment."""

import os
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

from local.cloud.clients import local_client
from local.cloud.environment import QUEUE_HOST, QUEUE_PORT, REGION
from local.cloud.process import Cloud, died, running
from local.errors import LocalCloudError, NotDeployedError
from local.project import Project

STACKS = ("EverloopStorage", "EverloopPipeline", "EverloopServing", "EverloopMonitoring")
TARGET_VARIABLE = "EVERLOOP_TARGET"

Kind = Literal["local", "aws"]


@dataclass(frozen=True)
class Target:
    """`cloud` is the running local cloud, or None for AWS."""

    cloud: Cloud | None

    @classmethod
    def current(cls, project: Project | None = None) -> "Target":
        """The local cloud if it runs, else AWS; EVERLOOP_TARGET=local|aws decides instead.

        Raises LocalCloudError if that variable is misspelt, or if the local cloud is wanted and does not run.
        """
        project = project or Project.here()
        wanted = os.environ.get(TARGET_VARIABLE, "")
        if wanted not in ("", "local", "aws"):
            raise LocalCloudError(f"{TARGET_VARIABLE} is {wanted!r}; expected 'local' or 'aws'")
        cloud = None if wanted == "aws" else running(project)
        if wanted == "local" and cloud is None:
            raise LocalCloudError(f"{TARGET_VARIABLE} is 'local', but no local cloud runs; run `everloop up`")
        if wanted == "" and cloud is None and (pid := died(project)) is not None:
            # Whoever worked on a local cloud a moment ago does not mean an AWS account now.
            raise LocalCloudError(
                f"the local cloud (pid {pid}) died; run `everloop up`, or set {TARGET_VARIABLE}=aws to mean AWS"
            )
        return cls(cloud)

    @property
    def kind(self) -> Kind:
        return "aws" if self.cloud is None else "local"

    @property
    def region(self) -> str | None:
        """Where AWS clients of this target go; None if the AWS environment names no region."""
        if self.cloud is not None:
            return REGION
        import boto3

        session: Any = boto3.session.Session()
        region: str | None = session.region_name
        return region

    def client(self, service: str, **options: Any) -> Any:
        """A boto3 client of this target, with these of botocore's options."""
        if self.cloud is not None:
            return local_client(service, self.cloud.endpoint, **options)
        import boto3
        from botocore.config import Config

        session: Any = boto3.session.Session()
        return session.client(service, config=Config(**options))

    def outputs(self) -> dict[str, str]:
        """The outputs of all stacks; raises NotDeployedError if there is none."""
        if not self._outputs:
            raise NotDeployedError(self._nothing_here())
        return dict(self._outputs)

    def output(self, name: str) -> str:
        outputs = self.outputs()
        if name not in outputs:
            raise NotDeployedError(f"the deployed stacks have no output {name}; {self._remedy()}")
        return outputs[name]

    @property
    def api_url(self) -> str:
        """Base of all routes, without a slash at its end."""
        api, stage = self.output("ApiId"), self.output("ApiStage")
        if self.cloud is not None:
            return _local_api_url(self.cloud, api, stage)
        region = self.client("apigateway").meta.region_name
        return f"https://{api}.execute-api.{region}.amazonaws.com/{stage}"

    def api_key(self) -> str:
        """The key that the prediction routes ask for, sent as the header x-api-key."""
        key: str = self.client("apigateway").get_api_key(apiKey=self.output("ApiKeyId"), includeValue=True)["value"]
        return key

    @cached_property
    def _outputs(self) -> dict[str, str]:
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            pages = self.client("cloudformation").get_paginator("describe_stacks").paginate()
            stacks = [stack for page in pages for stack in page["Stacks"] if stack["StackName"] in STACKS]
        except (BotoCoreError, ClientError) as error:
            where = "" if self.cloud else "the local cloud is not running, and on AWS: "
            raise NotDeployedError(f"{where}cannot list the stacks ({error}); {self._remedy()}") from error
        outputs = {
            output["OutputKey"]: output["OutputValue"] for stack in stacks for output in stack.get("Outputs", [])
        }
        # CDK adds outputs of its own, for what one stack takes from another.
        own = {name: value for name, value in outputs.items() if not name.startswith("ExportsOutput")}
        return own if self.cloud is None else _reachable(own, self.cloud)

    def _nothing_here(self) -> str:
        place = "on the local cloud" if self.cloud else "in this AWS account and region, and no local cloud runs"
        return f"nothing is deployed {place}; {self._remedy()}"

    def _remedy(self) -> str:
        local_only = self.cloud is not None
        return "run `everloop up`" if local_only else "run `everloop up` for a local cloud, `make deploy` for AWS"


def _reachable(outputs: dict[str, str], cloud: Cloud) -> dict[str, str]:
    """Templates write URLs as on AWS, or with the port in a queue's name; these are the ones that answer here."""
    queues = f"http://{QUEUE_HOST}:{QUEUE_PORT}/"
    found = {
        name: f"{cloud.endpoint}/{value.removeprefix(queues)}"
        if name.endswith("Url") and value.startswith(queues)
        else value
        for name, value in outputs.items()
    }
    if {"ApiUrl", "ApiId", "ApiStage"} <= found.keys():
        found["ApiUrl"] = _local_api_url(cloud, found["ApiId"], found["ApiStage"])
    return found


def _local_api_url(cloud: Cloud, api: str, stage: str) -> str:
    return f"{cloud.endpoint}/restapis/{api}/{stage}/_user_request_"
