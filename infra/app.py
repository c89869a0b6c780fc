"""Synthesize Everloop: `python -m infra.app` writes the cloud assembly to cdk.out, or to $CDK_OUTDIR."""

import json
import os
from collections.abc import Mapping
from typing import Any

from aws_cdk import App, Environment, Validations
from cdk_nag import AwsSolutionsChecks

from infra.config import REPOSITORY, Config
from infra.stacks.monitoring import MonitoringStack
from infra.stacks.pipeline import PipelineStack
from infra.stacks.serving import ServingStack
from infra.stacks.storage import StorageStack


def build_app(
    context: Mapping[str, Any] | None = None,
    *,
    outdir: str | None = None,
    account: str | None = None,
    region: str | None = None,
) -> App:
    """The whole app; without account and region it deploys to any.

    cdk.json's context holds unless `context`, or the CDK CLI, says otherwise: whoever synthesizes gets one template.
    """
    defaults = json.loads((REPOSITORY / "cdk.json").read_text())["context"]
    app = App(context={**defaults, **(context or {})}, outdir=outdir, analytics_reporting=False)
    config = Config.from_context(app.node)
    env = Environment(account=account, region=region)

    storage = StorageStack(app, "EverloopStorage", env=env, config=config)
    pipeline = PipelineStack(app, "EverloopPipeline", env=env, config=config, storage=storage)
    serving = ServingStack(app, "EverloopServing", env=env, config=config, storage=storage)
    MonitoringStack(
        app, "EverloopMonitoring", env=env, config=config, storage=storage, pipeline=pipeline, serving=serving
    )

    Validations.of(app).add_plugins(AwsSolutionsChecks(app))
    return app


if __name__ == "__main__":
    build_app(
        outdir=os.environ.get("CDK_OUTDIR", str(REPOSITORY / "cdk.out")),
        account=os.environ.get("CDK_DEFAULT_ACCOUNT"),
        region=os.environ.get("CDK_DEFAULT_REGION"),
    ).synth()
