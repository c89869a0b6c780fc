"""Local clouds for tests: each with a home and a port of its own, and gone with all its processes afterwards."""

import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from infra.app import build_app
from local.cloud import process
from local.cloud.deploy import deploy
from local.cloud.environment import ACCOUNT, HOST, REGION
from local.cloud.process import Cloud
from local.cloud.process_table import living_processes
from local.errors import LocalCloudError, PortInUseError
from local.loop import Loop
from local.project import SOURCE_ROOT, Project
from local.target import Target

T = TypeVar("T")
ATTEMPTS = 3


@contextmanager
def started_cloud(folder: Path) -> Iterator[Cloud]:
    """An empty cloud; afterwards its process group must be empty as well."""
    project = Project(root=SOURCE_ROOT, home=folder / "home")
    cloud = on_a_free_port(lambda port: process.start(project, port))
    try:
        yield cloud
    finally:
        stopped = process.stop(project)
    assert stopped is not None, "the cloud died during the test; see server.log in its home"
    assert [found for found in living_processes() if found.group == cloud.pid] == []


@contextmanager
def deployed_loop(folder: Path, models: Path) -> Iterator[Loop]:
    """The whole app with the definitions of `models`, as `everloop up` would deploy it."""
    assembly = synthesized(folder / "cdk.out", models)
    with started_cloud(folder) as cloud:
        deploy(assembly, cloud.endpoint)
        yield Loop(Target(cloud))


def redeploy(loop: Loop, folder: Path, models: Path) -> None:
    """What `everloop up` does after a definition was changed."""
    assert loop.target.cloud is not None
    deploy(synthesized(folder, models), loop.target.cloud.endpoint)


def synthesized(assembly: Path, models: Path) -> Path:
    context = {"everloop:dependencies": "host", "everloop:models": str(models)}
    build_app(context, outdir=str(assembly), account=ACCOUNT, region=REGION).synth()
    return assembly


def on_a_free_port(start: Callable[[int], T]) -> T:
    """Somebody else may take a port between its choice and its use, and then another one will do."""
    for _ in range(ATTEMPTS - 1):
        try:
            return start(free_port())
        except LocalCloudError as error:
            if not isinstance(error, PortInUseError) and "address already in use" not in str(error):
                raise
    return start(free_port())


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
        return port
