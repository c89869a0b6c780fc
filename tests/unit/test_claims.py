"""One training of a model at a time, whatever becomes of the runs."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import timedelta

import pytest

from everloop.contracts.registry import RunReport
from everloop.errors import PreconditionFailedError, TrainingInProgressError
from everloop.stores.claims import TrainingClaims
from everloop.stores.registry import ModelRegistry
from tests.conftest import fine_switching
from tests.fakes import FixedClock, InMemoryExecutions, InMemoryObjectStore
from tests.samples import NOW

MODEL = "pump-failure"


@dataclass
class World:
    models: InMemoryObjectStore = field(default_factory=InMemoryObjectStore)
    executions: InMemoryExecutions = field(default_factory=InMemoryExecutions)
    clock: FixedClock = field(default_factory=lambda: FixedClock(NOW))

    def begin(self, run_id: str, model: str = MODEL) -> None:
        """As the state machine does in an execution of its own; one that is refused ends."""
        execution = f"execution-of-{run_id}"
        self.executions.running.add(execution)
        try:
            TrainingClaims(self.models, self.executions, self.clock).claim(model, run_id, execution)
        except TrainingInProgressError:
            self.kill(run_id)
            raise

    def kill(self, run_id: str) -> None:
        self.executions.running.discard(f"execution-of-{run_id}")

    def report(self, run_id: str) -> None:
        report = RunReport(model=MODEL, run_id=run_id, status="refused", finished_at=NOW)
        ModelRegistry(self.models).save_report(report)


@pytest.fixture
def world() -> Iterator[World]:
    return World()


def test_a_second_run_is_refused_and_told_which_run_goes_on_since_when(world: World) -> None:
    world.begin("run-1")
    world.clock.advance(timedelta(hours=2))
    expected = (
        "pump-failure: expected no other training, run run-1 is under way since 2026-03-14 09:26:53 UTC; "
        "ask again when it has ended"
    )
    with pytest.raises(TrainingInProgressError) as caught:
        world.begin("run-2")
    assert str(caught.value) == expected
    with pytest.raises(TrainingInProgressError, match="run run-1"):
        world.begin("run-3")


def test_another_model_is_not_concerned(world: World) -> None:
    world.begin("run-1")
    world.begin("run-2", model="another")


def test_the_next_run_begins_as_soon_as_there_is_a_report(world: World) -> None:
    """Though the execution still runs for a moment."""
    world.begin("run-1")
    world.report("run-1")
    world.begin("run-2")
    with pytest.raises(TrainingInProgressError, match="run run-2"):
        world.begin("run-3")


def test_a_run_that_was_killed_blocks_nobody(world: World) -> None:
    world.begin("run-1")
    world.kill("run-1")
    world.begin("run-2")


def test_a_run_that_is_delivered_or_started_again_passes(world: World) -> None:
    world.begin("run-1")
    world.begin("run-1")
    world.kill("run-1")
    world.begin("run-1")
    with pytest.raises(TrainingInProgressError, match="run run-1"):
        world.begin("run-2")


def test_a_late_delivery_of_an_ended_run_does_not_displace_the_one_that_goes_on(world: World) -> None:
    world.begin("run-1")
    world.report("run-1")
    world.begin("run-2")
    with pytest.raises(TrainingInProgressError, match="run run-2"):
        world.begin("run-1")


def test_of_many_that_begin_at_once_one_goes_on(world: World) -> None:
    def begin(number: int) -> bool:
        while True:
            try:
                world.begin(f"run-{number}")
            except PreconditionFailedError:
                continue  # as the state machine tries again
            except TrainingInProgressError:
                return False
            return True

    with fine_switching(), ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(begin, range(16))) == 1
