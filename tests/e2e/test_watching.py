"""The scheduler's own clock, in the last file of this folder: most of its minute has passed when its turn comes."""

from datetime import datetime
from typing import Any

import pytest

from local.loop import Loop, wait_for
from tests.e2e.steps import TIMEOUT_S

pytestmark = pytest.mark.server


def test_a_schedule_that_is_due_starts_a_check_of_its_moment(loop: Loop) -> None:
    def checks() -> list[dict[str, Any]] | None:
        return loop.call("GET", "/models/pump-watched/monitoring")["checks"] or None

    first = wait_for(checks, "the check of a schedule of one minute", TIMEOUT_S)[0]
    assert (first["model"], first["verdict"]) == ("pump-watched", "no-champion")
    assert loop.target.cloud is not None
    assert datetime.fromisoformat(first["scheduled_time"]) > datetime.fromisoformat(loop.target.cloud.started_at)
