"""A cloud that died is noticed, and what it left behind goes with the next `down`."""

import json
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path

import pytest

from local.cloud.process import BOOTSTRAP, Cloud, died, running, stop
from local.cloud.process_table import living_processes
from local.project import Project

SLEEP = "import time; time.sleep(60)"


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project(root=tmp_path, home=tmp_path)


def record(project: Project, pid: int) -> None:
    cloud = Cloud(pid=pid, port=1, endpoint="http://127.0.0.1:1", started_at="2026-01-01T00:00:00+00:00")
    project.cloud_file.write_text(json.dumps(asdict(cloud)))


def leave_behind(*command: str) -> int:
    """Start `command` in a group of its own, whose leader has ended; returns the group's id."""
    leader = subprocess.Popen(["sh", "-c", '"$@" >/dev/null 2>&1 &', "sh", *command], start_new_session=True)
    assert leader.wait(10) == 0
    return leader.pid


def members(group: int) -> list[int]:
    return [process.pid for process in living_processes() if process.group == group]


def test_a_cloud_that_was_never_started_did_not_die(project: Project) -> None:
    assert died(project) is None


def test_a_record_without_its_process_is_a_cloud_that_died(project: Project) -> None:
    group = leave_behind("true")
    record(project, group)
    assert (running(project), died(project)) == (None, group)
    assert stop(project) is None
    assert died(project) is None


def test_stop_ends_the_functions_of_a_cloud_that_died(project: Project) -> None:
    group = leave_behind(sys.executable, "-c", SLEEP, str(BOOTSTRAP))
    assert len(members(group)) == 1
    record(project, group)
    stop(project)
    assert members(group) == []


def test_stop_spares_a_stranger_that_got_the_same_id(project: Project) -> None:
    with subprocess.Popen([sys.executable, "-c", SLEEP, str(BOOTSTRAP)], start_new_session=True) as stranger:
        record(project, stranger.pid)
        stop(project)
        assert stranger.poll() is None
        stranger.kill()
