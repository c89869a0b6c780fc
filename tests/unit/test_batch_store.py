"""The centres that profiles are made about."""

from everloop.stores.batches import BatchStore
from tests.fakes import InMemoryObjectStore


def test_the_first_proposal_for_a_definition_wins() -> None:
    batches = BatchStore(InMemoryObjectStore())
    assert batches.centres("pump", "one") is None
    assert batches.fix_centres("pump", "one", propose=lambda: {"x": 1.0}) == {"x": 1.0}
    assert batches.fix_centres("pump", "one", propose=lambda: {"x": 2.0}) == {"x": 1.0}


def test_a_column_keeps_its_centre_under_a_later_definition_of_the_same_model() -> None:
    batches = BatchStore(InMemoryObjectStore())
    batches.fix_centres("pump", "one", propose=lambda: {"x": 1.0, "gone": 5.0})
    assert batches.fix_centres("pump", "two", propose=lambda: {"x": 2.0, "new": 3.0}) == {"x": 1.0, "new": 3.0}
    assert batches.fix_centres("fan", "two", propose=lambda: {"x": 2.0}) == {"x": 2.0}
