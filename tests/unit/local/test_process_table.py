"""The table of processes knows this process, from either source."""

import os
import shutil

import pytest

from local.cloud import process_table
from local.cloud.process_table import living_processes


def test_this_process_is_alive() -> None:
    me = [process for process in living_processes() if process.pid == os.getpid()]
    assert [process.group for process in me] == [os.getpgrp()]


@pytest.mark.skipif(shutil.which("ps") is None, reason="this machine has no ps")
def test_ps_tells_the_same_as_proc() -> None:
    def me(source: object) -> list[tuple[int, int]]:
        return [(row.pid, row.group) for _, row in source if row.pid == os.getpid()]  # type: ignore[attr-defined]

    assert me(process_table._from_ps()) == [(os.getpid(), os.getpgrp())]
