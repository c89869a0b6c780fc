"""All that `everloop up` does: check the definitions, synthesize, start, deploy, and check that it answers."""

import importlib.util
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass

from local.cloud import process
from local.cloud.deploy import DeployedStack, deploy
from local.cloud.process import Cloud
from local.cloud.synth import synthesize
from local.definitions import checked_definitions
from local.errors import LocalCloudError
from local.project import Project
from local.target import Target

Phase = Callable[[str], AbstractContextManager[None]]

WITHOUT_RUNTIME_CLIENT = (
    "awslambdaric has no wheel for this system, so functions run under MiniStack's own worker: errors have no names "
    "(Step Functions cannot catch by name) and memory has no limit"
)


@dataclass(frozen=True)
class UpResult:
    cloud: Cloud
    already_running: bool
    synthesized: bool
    stacks: list[DeployedStack]
    api_url: str
    api_key: str
    warnings: list[str]


def bring_up(project: Project, port: int | None, phase: Phase) -> UpResult:
    """Bring the local cloud to the state that the sources describe; whatever already is so stays untouched.

    A cloud started here is stopped again when the user interrupts; after an error it stays up, to be looked into.
    """
    with phase("check"):
        checked_definitions(project.root / "models")
    with phase("synthesize"):
        assembly = synthesize(project)
    with phase("start"):
        cloud, already_running = _running_or_started(project, port)
    try:
        with phase("deploy"):
            stacks = deploy(assembly.folder, cloud.endpoint)
            if any(stack.action != "unchanged" for stack in stacks):
                process.save_state(project, cloud)
        with phase("ready"):
            target = Target(cloud)
            api_url, api_key = target.api_url, target.api_key()
    except KeyboardInterrupt:
        if not already_running:
            process.stop(project)
        raise
    warnings = [] if importlib.util.find_spec("awslambdaric") else [WITHOUT_RUNTIME_CLIENT]
    return UpResult(cloud, already_running, not assembly.cached, stacks, api_url, api_key, warnings)


def _running_or_started(project: Project, port: int | None) -> tuple[Cloud, bool]:
    cloud = process.running(project)
    if cloud is None:
        return process.start(project, port or process.DEFAULT_PORT), False
    if port not in (None, cloud.port):
        raise LocalCloudError(
            f"the local cloud already runs on port {cloud.port}; run `everloop down` first to move it to {port}"
        )
    return cloud, True
