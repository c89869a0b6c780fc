"""aliases.json is one object that many writers swap: one winner per epoch, one line of history."""

from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

from everloop.contracts.registry import Aliases
from everloop.errors import PreconditionFailedError
from everloop.registry.promotion import promote, roll_back
from everloop.stores.registry import ModelRegistry
from tests.conftest import fine_switching
from tests.fakes import InMemoryObjectStore
from tests.samples import NOW
from tests.unit.registry.conftest import MODEL

WRITERS = 8
ROUNDS = 50


def test_eight_writers_of_fifty_rounds_make_one_linear_history() -> None:
    registry = ModelRegistry(InMemoryObjectStore())

    def write(writer: int) -> list[int]:
        won = []
        for round_ in range(ROUNDS):
            version, by = 1 + writer * ROUNDS + round_, f"{writer}/{round_}"

            def change(aliases: Aliases, version: int = version, by: str = by) -> Aliases:
                return promote(aliases, version, at=NOW, reason="race", by=by)

            written = registry.change_aliases(MODEL, change)
            won.append(next(change.epoch for change in written.history if change.by == by))
        return won

    with fine_switching(1e-4), ThreadPoolExecutor(WRITERS) as pool:
        epochs = [epoch for won in pool.map(write, range(WRITERS)) for epoch in won]
    aliases = registry.aliases(MODEL)
    assert sorted(epochs) == list(range(1, WRITERS * ROUNDS + 1)), "each epoch has one winner"
    assert aliases.epoch == len(aliases.history) == WRITERS * ROUNDS
    assert len({change.by for change in aliases.history}) == WRITERS * ROUNDS, "no change is lost or made twice"
    assert all(later.previous == earlier.champion for earlier, later in pairwise(aliases.history))


class _AnswersGetLost(InMemoryObjectStore):
    """Stores a swap, but the answer never arrives: the client asks again and is refused."""

    def replace(self, key: str, body: bytes, *, etag: str | None) -> str:
        super().replace(key, body, etag=etag)
        raise PreconditionFailedError(f"{key} was changed by somebody else")


def test_a_rollback_whose_answer_was_lost_goes_back_one_step_only() -> None:
    store = InMemoryObjectStore()
    registry = ModelRegistry(store)
    for version in (1, 2, 3):
        registry.change_aliases(
            MODEL, lambda aliases, version=version: promote(aliases, version, at=NOW, reason="", by="run")
        )
    flaky = _AnswersGetLost()
    flaky.objects = store.objects
    aliases = ModelRegistry(flaky).change_aliases(
        MODEL, lambda aliases: roll_back(aliases, at=NOW, reason="worse", by="ops")
    )
    assert aliases.champion == 2
    assert registry.aliases(MODEL).epoch == 4


def test_a_change_that_changes_nothing_writes_nothing() -> None:
    store = InMemoryObjectStore()
    ModelRegistry(store).change_aliases(MODEL, lambda aliases: aliases)
    assert store.objects == {}
