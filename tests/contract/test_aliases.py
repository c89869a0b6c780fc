"""aliases.json under many writers: one winner for each epoch, no lost change, one line of history, in every store."""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from itertools import accumulate, pairwise, product
from threading import Barrier
from typing import Any, NamedTuple
from uuid import uuid4

import pytest

from everloop.adapters.s3_objects import S3ObjectStore
from everloop.contracts.registry import Aliases
from everloop.registry.promotion import promote
from everloop.stores.registry import ModelRegistry
from local.cloud.clients import local_client
from tests.conftest import fine_switching
from tests.e2e.clouds import started_cloud
from tests.fakes import InMemoryObjectStore
from tests.samples import NOW

MODEL = "pump-failure"
WRITERS = 8
ROUNDS = 100
MODELS = [f"{MODEL}-{number}" for number in range(5)]
"""Raced for one after the other: 500 epochs, sooner than those of one model whose history grows that long."""
CHANGES = 50
"""Of each writer, when all of them get through in the end."""


class World(NamedTuple):
    registry: Callable[[], ModelRegistry]
    """One for each writer, as Lambda functions have one each."""
    switching: Any


@pytest.fixture(scope="module")
def local_s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[], Any]]:
    with started_cloud(tmp_path_factory.mktemp("cloud")) as cloud:
        yield lambda: local_client("s3", cloud.endpoint)


@pytest.fixture(params=["in-memory", pytest.param("local-cloud", marks=pytest.mark.server)])
def world(request: pytest.FixtureRequest) -> World:
    if request.param == "in-memory":
        store = InMemoryObjectStore()
        return World(lambda: ModelRegistry(store), fine_switching(1e-4))
    client = request.getfixturevalue("local_s3")
    bucket = f"everloop-{uuid4()}"
    client().create_bucket(Bucket=bucket)
    return World(lambda: ModelRegistry(S3ObjectStore(bucket, client())), nullcontext())


@pytest.mark.slow
def test_each_epoch_that_eight_writers_reach_for_has_one_winner(world: World) -> None:
    together = Barrier(WRITERS, timeout=60)

    def reach(writer: int) -> list[tuple[str, int]]:
        registry, won = world.registry(), []
        for model, epoch in product(MODELS, range(ROUNDS)):
            by = f"{writer}/{epoch}"

            def change(aliases: Aliases, epoch: int = epoch, by: str = by) -> Aliases:
                if aliases.epoch != epoch:
                    return aliases
                return promote(aliases, epoch * WRITERS + writer + 1, at=NOW, reason="race", by=by)

            together.wait()
            aliases = registry.change_aliases(model, change)
            if aliases.history[epoch].by == by:
                won.append((model, epoch))
        return won

    with world.switching, ThreadPoolExecutor(WRITERS) as pool:
        won = list(pool.map(reach, range(WRITERS)))
    assert sorted(each for own in won for each in own) == list(product(MODELS, range(ROUNDS))), "one winner each"
    assert sum(map(bool, won)) > 1, "it was a race"
    for model in MODELS:
        aliases = world.registry().aliases(model)
        assert [change.by for change in aliases.history] == [
            f"{writer}/{epoch}" for epoch in range(ROUNDS) for writer in range(WRITERS) if (model, epoch) in won[writer]
        ]
        _is_one_line(aliases)


class Written(NamedTuple):
    began: float
    ended: float
    epoch: int
    seen_after: int
    """The epoch that the writer read when its change was made."""


def test_eight_writers_lose_no_change_and_make_one_linear_history(world: World) -> None:
    def write(writer: int) -> list[Written]:
        registry, done = world.registry(), []
        for number in range(CHANGES):
            version, by = 1 + writer * CHANGES + number, f"{writer}/{number}"

            def change(aliases: Aliases, version: int = version, by: str = by) -> Aliases:
                return promote(aliases, version, at=NOW, reason="race", by=by)

            began = time.monotonic()
            written = registry.change_aliases(MODEL, change)
            ended = time.monotonic()
            [epoch] = [change.epoch for change in written.history if change.by == by]
            done.append(Written(began, ended, epoch, registry.aliases(MODEL).epoch))
        return done

    with world.switching, ThreadPoolExecutor(WRITERS) as pool:
        written = [one for done in pool.map(write, range(WRITERS)) for one in done]
    written.sort(key=lambda one: one.epoch)
    assert [one.epoch for one in written] == list(range(1, WRITERS * CHANGES + 1)), "each epoch has one winner"
    assert all(one.seen_after >= one.epoch for one in written), "whoever wrote reads its change, or a later one"
    newest_beginning = accumulate((one.began for one in written), max)
    assert all(began <= one.ended for began, one in zip(newest_beginning, written, strict=True)), (
        "what ended before another began has the lower epoch"
    )
    aliases = world.registry().aliases(MODEL)
    assert len({change.by for change in aliases.history}) == WRITERS * CHANGES, "no change is lost or made twice"
    _is_one_line(aliases)


def _is_one_line(aliases: Aliases) -> None:
    assert [change.epoch for change in aliases.history] == list(range(1, aliases.epoch + 1))
    assert all(later.previous == earlier.champion for earlier, later in pairwise(aliases.history))
    assert aliases.champion == aliases.history[-1].champion
