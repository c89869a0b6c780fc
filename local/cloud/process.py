"""Start and stop the embedded cloud as one background process per project."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from urllib.error import URLError

from local.cloud.environment import HOST, SAVED_MARK, cloud_environment, endpoint_url
from local.cloud.process_table import living_processes
from local.errors import LocalCloudError, PortInUseError
from local.project import SOURCE_ROOT, Project

DEFAULT_PORT = 4566
SERVER_MODULE = "local.cloud.ministack"
BOOTSTRAP = SOURCE_ROOT / "local" / "cloud" / "bootstrap.py"
START_TIMEOUT_S = 30.0
SAVE_TIMEOUT_S = 30.0
STOP_GRACE_S = 15.0
ORPHAN_GRACE_S = 2.0  # functions without their cloud have nothing to save
PORT_GRACE_S = 1.0  # a cloud that was killed holds its port a moment longer than its pid
POLL_S = 0.02


@dataclass(frozen=True)
class Cloud:
    """A running embedded cloud. Its pid is also the id of its process group."""

    pid: int
    port: int
    endpoint: str
    started_at: str


@dataclass(frozen=True)
class Stopped:
    """What `stop` did: `killed` says that the cloud did not obey in time and may have lost its latest state."""

    pid: int
    seconds: float
    killed: bool


def running(project: Project) -> Cloud | None:
    """The living cloud of `project`. A record left by a crash is not believed: its pid may be dead or reused."""
    cloud = _recorded(project)
    return cloud if cloud is not None and _is_server(cloud.pid, project) else None


def died(project: Project) -> int | None:
    """The pid of a cloud that ended without `stop`: by a crash, a kill or a reboot. None if none did."""
    cloud = _recorded(project)
    return cloud.pid if cloud is not None and not _is_server(cloud.pid, project) else None


def _recorded(project: Project) -> Cloud | None:
    try:
        return Cloud(**json.loads(project.cloud_file.read_text()))
    except (FileNotFoundError, ValueError, TypeError):
        return None


def start(project: Project, port: int = DEFAULT_PORT) -> Cloud:
    """Start the cloud and wait until it answers; raises PortInUseError, or LocalCloudError with its last words."""
    if sys.platform == "win32":
        raise LocalCloudError("the local cloud needs Linux, macOS or WSL; run `everloop up` inside WSL")
    if (already := running(project)) is not None:
        raise LocalCloudError(f"the local cloud already runs with pid {already.pid} at {already.endpoint}")
    if not _wait(lambda: not _is_listening(port), PORT_GRACE_S):
        raise PortInUseError(port)
    _stop_orphans(project)
    shutil.rmtree(project.temporary, ignore_errors=True)
    for folder in (project.temporary, project.state):
        folder.mkdir(parents=True, exist_ok=True)
    process = _launch(project, port)
    cloud = Cloud(process.pid, port, endpoint_url(port), datetime.now(UTC).isoformat(timespec="seconds"))
    try:
        _write(project.cloud_file, json.dumps(asdict(cloud), indent=2))
        _wait_until_ready(process, cloud, project)
    except BaseException:
        _terminate(process.pid)
        project.cloud_file.unlink(missing_ok=True)
        raise
    return cloud


def stop(project: Project, grace_s: float = STOP_GRACE_S) -> Stopped | None:
    """Stop the cloud and all its functions, saving its state; None if it did not run. Leaves no process behind."""
    cloud = running(project)
    stopped = None
    if cloud is not None:
        begun = time.monotonic()
        killed = _terminate(cloud.pid, grace_s)
        stopped = Stopped(cloud.pid, round(time.monotonic() - begun, 2), killed)
    _stop_orphans(project)
    project.cloud_file.unlink(missing_ok=True)
    return stopped


def save_state(project: Project, cloud: Cloud) -> None:
    """Have the cloud write its state to disk now, so that a crash or a power cut loses nothing older than this."""
    mark = project.services / SAVED_MARK
    mark.unlink(missing_ok=True)
    _signal(os.kill, cloud.pid, signal.SIGUSR1)
    if not _wait(mark.exists, SAVE_TIMEOUT_S):
        raise LocalCloudError(f"the local cloud did not save its state within {SAVE_TIMEOUT_S:.0f} s")


def _launch(project: Project, port: int) -> "subprocess.Popen[bytes]":
    with project.server_log.open("wb") as log:
        return subprocess.Popen(
            [sys.executable, "-m", SERVER_MODULE, str(project.home)],
            cwd=SOURCE_ROOT,
            env=cloud_environment(project, port, os.environ),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # a process group of its own: Ctrl-C in the terminal does not reach it
        )


def _wait_until_ready(process: "subprocess.Popen[bytes]", cloud: Cloud, project: Project) -> None:
    def ready() -> bool:
        if process.poll() is not None:
            raise LocalCloudError(f"the local cloud stopped while starting:\n{_tail(project.server_log)}")
        return _answers(f"{cloud.endpoint}/_ministack/ready")

    if not _wait(ready, START_TIMEOUT_S):
        raise LocalCloudError(
            f"the local cloud did not answer within {START_TIMEOUT_S:.0f} s; see {project.server_log}:\n"
            f"{_tail(project.server_log)}"
        )


def _terminate(group: int, grace_s: float = STOP_GRACE_S) -> bool:
    """Ask the group's leader to stop, wait for all its members to be gone; True if they had to be killed."""
    _signal(os.kill, group, signal.SIGTERM)
    if _wait(lambda: not _members(group), grace_s):
        return False
    _signal(os.killpg, group, signal.SIGKILL)
    _wait(lambda: not _members(group), grace_s)
    return True


def _signal(send: Callable[[int, int], None], target: int, number: int) -> None:
    try:
        send(target, number)
    except ProcessLookupError:
        return  # gone in the meantime, which is what was asked for


def _members(group: int) -> list[int]:
    """Living processes of a process group."""
    return [process.pid for process in living_processes() if process.group == group]


def _stop_orphans(project: Project) -> None:
    """End the functions that a cloud which died left behind in its process group."""
    if (group := died(project)) is None:
        return
    for number in (signal.SIGTERM, signal.SIGKILL):
        for pid in _orphans(group, project):
            _signal(os.kill, pid, number)
        if _wait(lambda: not _orphans(group, project), ORPHAN_GRACE_S):
            return


def _orphans(group: int, project: Project) -> list[int]:
    """Members of a dead cloud's group that run this checkout's functions or this project's server."""
    members = [process for process in living_processes() if process.group == group]
    if any(process.pid == group for process in members):
        return []  # no id is given out again while its group has members: this group began after ours had ended
    return [
        process.pid
        for process in members
        if str(BOOTSTRAP) in process.command or _is_server_command(process.command, project)
    ]


def _is_server(pid: int, project: Project) -> bool:
    """Whether `pid` is a cloud, and the one of this project: pids are used again, and checkouts live side by side."""
    return any(process.pid == pid and _is_server_command(process.command, project) for process in living_processes())


def _is_server_command(command: str, project: Project) -> bool:
    return SERVER_MODULE in command and command.endswith(f" {project.home}")


def _is_listening(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex((HOST, port)) == 0


def _answers(url: str) -> bool:
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with direct.open(url, timeout=5) as response:
            return bool(response.status == 200)
    except (URLError, OSError):
        return False


def _wait(condition: Callable[[], bool], timeout_s: float) -> bool:
    deadline = time.monotonic() + timeout_s
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(POLL_S)
    return True


def _write(path: Path, text: str) -> None:
    """All or nothing: nobody reads half a record."""
    draft = path.with_suffix(".tmp")
    draft.write_text(text)
    draft.replace(path)


def _tail(log: Path, lines: int = 15) -> str:
    return "\n".join(log.read_text(errors="replace").splitlines()[-lines:])
