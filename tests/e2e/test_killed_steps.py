"""A step whose process dies half-way is done again; where it always dies the run ends, and the next one may begin."""

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from local.api import Api
from local.cloud.process_table import living_processes
from local.loop import Loop, wait_for
from tests.e2e.pumps import end_of_week, readings, write_csv
from tests.e2e.steps import ROWS, TIMEOUT_S, executions, train, upload

pytestmark = [pytest.mark.server, pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="needs /proc")]
MODEL = "pump-killed"


@pytest.fixture(scope="module", autouse=True)
def uploaded(loop: Loop, files: Path) -> None:
    upload(loop, MODEL, write_csv(files / f"{MODEL}.csv", readings(ROWS, seed=1)))


def workers(loop: Loop, module: str) -> list[int]:
    """Processes of the cloud that run this function."""
    assert loop.target.cloud is not None
    handler = f"_HANDLER={module}.lambda_handler".encode()
    found = []
    for process in living_processes():
        if process.group == loop.target.cloud.pid:
            with suppress(FileNotFoundError, ProcessLookupError):  # it may end meanwhile
                if handler in Path("/proc", str(process.pid), "environ").read_bytes().split(b"\0"):
                    found.append(process.pid)
    return found


@contextmanager
def killing(loop: Loop, module: str, *, times: int) -> Iterator[list[int]]:
    """Kill processes of the function as soon as there are any, so many at most."""
    killed: list[int] = []
    enough = threading.Event()

    def kill() -> None:
        while not enough.wait(0.02) and len(killed) < times:
            for pid in workers(loop, module)[: times - len(killed)]:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
                    killed.append(pid)

    thread = threading.Thread(target=kill)
    thread.start()
    try:
        yield killed
    finally:
        enough.set()
        thread.join()


def test_a_step_that_is_always_killed_ends_the_run_which_holds_up_no_other(loop: Loop) -> None:
    with killing(loop, "fit_candidate", times=1_000) as killed:
        run = train(loop, MODEL)
    assert len(killed) >= 5, "once, and four attempts more"
    assert (run["status"], run["error"]["type"]) == ("failed", "Runtime.ExitError")
    assert [trial["error"] for trial in run["trials"]] == [None] * len(run["trials"])


def test_a_step_that_is_killed_once_is_done_again(loop: Loop) -> None:
    with killing(loop, "run_trial", times=2) as killed:
        run = train(loop, MODEL)
    assert len(killed) == 2
    assert run["status"] == "promoted", run
    assert [trial["error"] for trial in run["trials"]] == [None] * len(run["trials"])


def test_of_two_trainings_at_once_the_second_is_refused_and_a_stopped_one_blocks_nobody(loop: Loop) -> None:
    # Each of the two steps is tried again for half a minute: the first run goes on until it is stopped.
    with killing(loop, "run_trial", times=1_000), killing(loop, "fit_candidate", times=1_000):
        first = loop.train(MODEL, as_of=end_of_week(0))
        execution = wait_for(lambda: running(loop, first), "the first execution", TIMEOUT_S)
        wait_for(lambda: claimed_by(loop, first), "its claim", TIMEOUT_S)
        refused = train(loop, MODEL)
        loop.target.client("stepfunctions").stop_execution(executionArn=execution)
    assert (refused["status"], refused["error"]["type"]) == ("failed", "TrainingInProgressError")
    assert f"run {first} is under way since" in refused["reason"]
    assert Api(loop.target).call("GET", f"/models/{MODEL}/runs/{first}").status == 404, "stopped, it left no report"
    following = train(loop, MODEL)
    assert following["status"] == "refused", "the same rows again, but it went on to its end"


def running(loop: Loop, run_id: str) -> str | None:
    found: list[dict[str, Any]] = [each for each in executions(loop, run_id) if each["status"] == "RUNNING"]
    return found[0]["executionArn"] if found else None


def claimed_by(loop: Loop, run_id: str) -> bool | None:
    client = loop.target.client("s3")
    buckets = loop.target.output("ModelsBucketName")
    try:
        body = client.get_object(Bucket=buckets, Key=f"{MODEL}/training.json")["Body"].read()
    except client.exceptions.NoSuchKey:  # no run of this model has begun yet
        return None
    return run_id.encode() in body or None
