"""Which processes live on this machine, without a dependency: /proc on Linux, `ps` elsewhere."""

import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

PROC = Path("/proc")


class Process(NamedTuple):
    pid: int
    group: int
    command: str


def living_processes() -> Iterator[Process]:
    """All but zombies: those are dead, and reaping them is their parent's business."""
    # Slim container images have no `ps`.
    rows = _from_proc() if (PROC / "self" / "stat").exists() else _from_ps()
    return (process for state, process in rows if not state.startswith("Z"))


def _from_proc() -> Iterator[tuple[str, Process]]:
    for folder in PROC.iterdir():
        if not folder.name.isdigit():
            continue
        try:
            # The second field is the program's name in brackets, and may hold spaces and brackets itself.
            state, _, group = (folder / "stat").read_text().rpartition(")")[2].split()[:3]
            command = (folder / "cmdline").read_text(errors="replace").strip("\0").replace("\0", " ")
        except (FileNotFoundError, ProcessLookupError):
            continue  # it ended in the meantime
        yield state, Process(int(folder.name), int(group), command)


def _from_ps() -> Iterator[tuple[str, Process]]:
    table = subprocess.run(
        ["ps", "-A", "-ww", "-o", "stat=,pid=,pgid=,args="], capture_output=True, text=True, check=True
    )
    for line in table.stdout.splitlines():
        state, pid, group, command = line.split(maxsplit=3)
        yield state, Process(int(pid), int(group), command)
