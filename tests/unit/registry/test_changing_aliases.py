"""aliases.json is one object that many writers swap; tests/contract lets them race."""

from everloop.errors import PreconditionFailedError
from everloop.registry.promotion import promote, roll_back
from everloop.stores.registry import ModelRegistry
from tests.fakes import InMemoryObjectStore
from tests.samples import NOW
from tests.unit.registry.conftest import MODEL


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
