"""A worker restored from a snapshot goes on where the import ended, and so do all others: nothing may be shared."""

import subprocess
import sys

import pytest

from infra.config import REPOSITORY

pytestmark = pytest.mark.slow

RESTORED_TWICE = """
import os, sys, threading
from datetime import UTC, datetime
sys.path.insert(0, sys.argv[1])
import predict
from everloop.ids import new_id, new_ids
opened = [f"/proc/self/fd/{each}" for each in os.listdir("/proc/self/fd")]
links = [os.readlink(path) for path in opened if os.path.lexists(path)]
print([link for link in links if link.startswith("socket:")], flush=True)
print([thread.name for thread in threading.enumerate()], flush=True)
moment = datetime(2026, 3, 14, tzinfo=UTC)
for _ in range(2):
    if not os.fork():
        print(new_id(moment), *new_ids(moment, 2), flush=True)
        os._exit(0)
    os.wait()
"""
"""A fork shares what a snapshot would: all memory, all open files, all states of random generators."""


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
def test_two_workers_of_one_snapshot_share_no_connection_and_draw_other_ids() -> None:
    done = subprocess.run(
        [sys.executable, "-c", RESTORED_TWICE, str(REPOSITORY / "functions" / "inference")],
        check=True,
        capture_output=True,
        text=True,
        timeout=120,
    )
    sockets, threads, first, second = done.stdout.splitlines()
    assert (sockets, threads) == ("[]", "['MainThread']")
    assert set(first.split()).isdisjoint(second.split())
    assert len({*first.split(), *second.split()}) == 6
