"""Aliases: promotion, rollback, and a history that answers what was live at any moment."""

from datetime import timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from everloop.contracts.registry import Aliases
from everloop.errors import ConflictingRequestError
from everloop.registry.promotion import promote, promote_once, roll_back
from tests.samples import NOW

EMPTY = Aliases(model="pump")


def promoted(*versions: int, aliases: Aliases = EMPTY) -> Aliases:
    for version in versions:
        at = NOW + timedelta(hours=aliases.epoch)
        aliases = promote(aliases, version, at=at, reason="better", by="run 1")
    return aliases


def rolled_back(aliases: Aliases) -> Aliases:
    return roll_back(aliases, at=NOW + timedelta(hours=aliases.epoch), reason="worse", by="ops")


def test_a_promotion_is_recorded_with_all_that_led_to_it() -> None:
    change = promoted(1, 2).history[-1]
    assert change.model_dump() == {
        "epoch": 2,
        "at": NOW + timedelta(hours=1),
        "action": "promote",
        "champion": 2,
        "previous": 1,
        "reason": "better",
        "by": "run 1",
    }


def test_promoting_the_champion_changes_nothing() -> None:
    assert promoted(1, 1) == promoted(1)


def test_rollback_restores_the_previous_champion() -> None:
    aliases = rolled_back(promoted(1, 2))
    assert (aliases.champion, aliases.epoch) == (1, 3)
    assert aliases.history[-1].action == "rollback"


def test_rolling_back_twice_goes_back_two_champions() -> None:
    assert rolled_back(rolled_back(promoted(1, 2, 3))).champion == 1


def test_the_first_champion_cannot_be_rolled_back() -> None:
    with pytest.raises(ConflictingRequestError, match="version 1 is its first champion"):
        rolled_back(promoted(1))
    with pytest.raises(ConflictingRequestError, match="version 1 is its first champion"):
        rolled_back(rolled_back(promoted(1, 2)))


def test_without_a_champion_there_is_nothing_to_roll_back() -> None:
    with pytest.raises(ConflictingRequestError, match="it has no champion"):
        rolled_back(EMPTY)


def test_a_version_that_was_champion_twice_does_not_send_a_rollback_forward() -> None:
    aliases = promoted(1, 2, 1)
    aliases = rolled_back(aliases)
    assert aliases.champion == 2
    aliases = rolled_back(aliases)
    assert aliases.champion == 1
    with pytest.raises(ConflictingRequestError, match="first champion"):
        rolled_back(aliases)


def test_a_new_champion_after_a_rollback_rolls_back_to_what_it_replaced() -> None:
    aliases = promoted(4, aliases=rolled_back(promoted(1, 2, 3)))
    assert aliases.predecessor == 2
    assert rolled_back(aliases).champion == 2


def test_a_repeated_delivery_does_not_undo_a_rollback() -> None:
    aliases = rolled_back(promoted(1, 2))
    assert promote_once(aliases, 2, against=1, at=NOW, reason="better", by="run 1") == aliases
    assert promote_once(aliases, 2, against=1, at=NOW, reason="better", by="run 2").champion == 2


def test_the_history_says_what_was_live_at_any_moment() -> None:
    aliases = rolled_back(promoted(1, 2))
    hour = timedelta(hours=1)
    assert aliases.champion_at(NOW - hour) is None
    assert aliases.champion_at(NOW) == 1
    assert aliases.champion_at(NOW + hour) == 2
    assert aliases.champion_at(NOW + 1.5 * hour) == 2
    assert aliases.champion_at(NOW + 9 * hour) == 1


def test_a_writer_whose_clock_is_slow_does_not_change_the_past() -> None:
    aliases = promoted(1, 2)
    aliases = promote(aliases, 3, at=NOW - timedelta(days=1), reason="late", by="run 3")
    assert aliases.history[-1].at == aliases.history[-2].at
    assert [aliases.champion_at(NOW + timedelta(hours=hour)) for hour in (-1, 0, 1)] == [None, 1, 3]


@given(steps=st.lists(st.one_of(st.none(), st.integers(1, 4)), max_size=30))
def test_rollbacks_undo_promotions_in_reverse_order_whatever_happened(steps: list[int | None]) -> None:
    """None rolls back, a number promotes; a plain list of champions is the truth."""
    aliases, line = EMPTY, []
    for step in steps:
        if step is None and len(line) < 2:
            with pytest.raises(ConflictingRequestError):
                rolled_back(aliases)
        elif step is None:
            line.pop()
            aliases = rolled_back(aliases)
        elif not line or line[-1] != step:
            line.append(step)
            aliases = promoted(step, aliases=aliases)
        assert aliases.champion == (line[-1] if line else None)
    assert [change.epoch for change in aliases.history] == list(range(1, aliases.epoch + 1))
    assert all(later.previous == earlier.champion for earlier, later in pairwise(aliases.history))
    assert Aliases.model_validate_json(aliases.model_dump_json()) == aliases
    assert [aliases.champion_at(change.at) for change in aliases.history] == [c.champion for c in aliases.history]
