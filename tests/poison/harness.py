"""Deliver each file of a folder in a process of its own, with little memory and an eye on what it runs.

`python -m tests.poison.harness FOLDER PROCESSES` prints place and decision of each file of the corpus in FOLDER as
JSON. The parent imports all that a warm Lambda has imported, then forks: a child that crashes, hangs or eats its memory
spoils only its own case.
"""

import json
import os
import resource
import select
import signal
import sys
import time
import traceback
from collections import Counter
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import duckdb

from tests.poison.delivery import Delivery
from tests.poison.poison import DEFINITIONS

ADDRESS_SPACE_BYTES = 512 * 2**20
PATIENCE_S = 120
"""By the clock on the wall, which goes on while a busy machine does something else: only a hang takes so long."""
ENVIRONMENT = {"OPENBLAS_NUM_THREADS": "1", "MALLOC_ARENA_MAX": "1"}
"""Without them each thread reserves 40 MiB of addresses for OpenBLAS, and 64 to 128 MiB for a heap of its own."""
WATCHED = (
    "pickle.find_class", "marshal.load", "marshal.loads", "os.system", "os.exec", "os.fork", "os.forkpty",
    "os.posix_spawn", "os.spawn", "subprocess.Popen", "socket.connect", "socket.getaddrinfo", "ctypes.dlopen",
)  # fmt: skip
"""Audit events that none of this work has any reason to raise."""
CRASHED = "crashed"


@dataclass(frozen=True)
class Decision:
    status: str
    """Of the report, or CRASHED."""
    reason: str | None
    detail: str | None
    problems: dict[str, int]
    """Faulty values by reason."""
    notes: list[str]
    """The accepted texts in the column `note`."""
    events: list[str]
    """Of those watched."""
    delivered: int = 0
    """Rows, by the report."""
    seconds: float = 0.0
    cpu_seconds: float = 0.0
    address_space_mib: int = 0
    """The peak."""


def main(folder: Path, processes: int) -> None:
    os.environ["TMPDIR"] = str(folder)
    keys = json.loads((folder / "keys.json").read_text("utf-8"))
    waiting = [(place, folder / str(place), key) for place, key in reversed(list(enumerate(keys)))]
    running: dict[int, _Child] = {}
    while waiting or running:
        while waiting and len(running) < processes:
            child = _Child(*waiting.pop())
            running[child.pipe] = child
        deadline = min(child.deadline for child in running.values())
        ready, _, _ = select.select(list(running), [], [], max(deadline - time.perf_counter(), 0))
        late = [pipe for pipe, child in running.items() if child.deadline <= time.perf_counter()]
        for pipe in dict.fromkeys([*ready, *late]):
            child = running[pipe]
            if pipe in late or not child.read():
                del running[pipe]
                sys.stdout.write(json.dumps([child.place, asdict(child.decision())]) + "\n")


class _Child:
    """A process that decides one file; its pipe is closed when it is done or dead."""

    def __init__(self, place: int, file: Path, key: str) -> None:
        self.place = place
        self._answer = b""
        self._started = time.perf_counter()
        self.deadline = self._started + PATIENCE_S
        self.pipe, writer = os.pipe()
        self._process = os.fork()
        if self._process == 0:
            _work(file, key, writer)
        os.close(writer)

    def read(self) -> bytes:
        part = os.read(self.pipe, 2**16)
        self._answer += part
        return part

    def decision(self) -> Decision:
        seconds = time.perf_counter() - self._started
        os.kill(self._process, signal.SIGKILL)  # it has answered, died, or lost our patience
        _, status, used = os.wait4(self._process, 0)
        os.close(self.pipe)
        if self._answer:
            decision = Decision(**json.loads(self._answer))
        else:
            decision = Decision(CRASHED, None, f"wait status {status}", {}, [], [])
        return replace(decision, seconds=seconds, cpu_seconds=used.ru_utime + used.ru_stime)


def _work(file: Path, key: str, pipe: int) -> None:
    """In the child; never returns."""
    try:
        events = watch()
        resource.setrlimit(resource.RLIMIT_AS, (ADDRESS_SPACE_BYTES, ADDRESS_SPACE_BYTES))
        try:
            decision = deliver(file, key)
        except BaseException as error:  # noqa: BLE001 - the decision is that there is none
            decision = Decision(CRASHED, None, "".join(traceback.format_exception(error))[-2000:], {}, [], [])
        answer = {**asdict(decision), "events": events, "address_space_mib": _peak_address_space_mib()}
        with os.fdopen(pipe, "wb") as file_to_parent:
            file_to_parent.write(json.dumps(answer).encode())
    finally:
        os._exit(1)


def watch() -> list[str]:
    """A list that grows with each audit event to be watched; it cannot be switched off again."""
    events: list[str] = []

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        if event in WATCHED and not _is_import():
            events.append(f"{event} {arguments!r:.200}")

    sys.addaudithook(hook)
    return events


def _is_import() -> bool:
    """Python reads its own compiled modules with marshal."""
    return sys._getframe(2).f_code.co_filename.startswith("<frozen importlib")


def deliver(file: Path, key: str) -> Decision:
    delivery = Delivery(DEFINITIONS)
    report = delivery.deliver(file, key)
    problems = Counter[str]()
    for problem in report.problems:
        problems[problem.reason] += problem.rows
    notes = []
    if report.status == "accepted" and report.model == "pump":
        with TemporaryDirectory() as folder, duckdb.connect(config={"threads": 1}) as database:
            accepted = Path(folder, "accepted.parquet")
            delivery.download_accepted(report, accepted)
            rows = database.execute("SELECT DISTINCT note FROM read_parquet(?) LIMIT 100", [str(accepted)]).fetchall()
            notes = [note for (note,) in rows if note is not None]
    return Decision(report.status.value, report.reason, report.detail, dict(problems), notes, [], report.rows.delivered)


def _peak_address_space_mib() -> int:
    status = Path("/proc/self/status")
    if not status.exists():
        return 0
    peak = next(line for line in status.read_text("utf-8").splitlines() if line.startswith("VmPeak"))
    return int(peak.split()[1]) // 1024


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
