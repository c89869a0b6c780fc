"""Aliases: promotion, rollback, and a history that answers what was live at any moment."""

from datetime import timedelta
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from everloop.contracts.registry import Aliases
from everloop.contracts.traffic import Traffic
from everloop.errors import ConflictingRequestError
from everloop.registry.promotion import (
    promote,
    promote_challenger,
    promote_once,
    roll_back,
    start_traffic,
    start_traffic_once,
    step_traffic,
    stop_traffic,
)
from tests.samples import NOW

EMPTY = Aliases(model="pump")
HOUR = timedelta(hours=1)
SAID: dict[str, Any] = {"reason": "better", "by": "ann"}


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
        "traffic": None,
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


def canary(challenger: int, *, salt: str = "salt-1", steps: tuple[float, ...] = (0.5, 0.9)) -> Traffic:
    return Traffic(
        mode="canary",
        challenger=challenger,
        share=0.1,
        salt=salt,
        started_at=NOW,
        ends_at=NOW + 9 * HOUR,
        step_since=NOW,
        steps=steps,
        step_for=HOUR,
    )


def challenged(aliases: Aliases, traffic: Traffic) -> Aliases:
    return start_traffic(aliases, traffic, at=NOW + HOUR * aliases.epoch, **SAID)


def test_an_experiment_leaves_the_champion_and_is_recorded() -> None:
    aliases = challenged(promoted(1, 2), canary(1))
    assert (aliases.champion, aliases.traffic) == (2, canary(1))
    change = aliases.history[-1]
    assert (change.action, change.champion, change.previous, change.traffic) == ("traffic", 2, 2, canary(1))
    assert aliases.predecessor == 1
    assert rolled_back(aliases).champion == 1


def test_an_experiment_needs_a_champion_that_is_another_version_and_is_the_only_one() -> None:
    with pytest.raises(ConflictingRequestError, match="'pump' has no champion to compare with"):
        challenged(EMPTY, canary(2))
    with pytest.raises(ConflictingRequestError, match="version 2 of 'pump' is the champion itself"):
        challenged(promoted(2), canary(2))
    running = r"has an experiment \(canary\) with version 2 since 2026-03-14 09:26 UTC; expected one at a time"
    with pytest.raises(ConflictingRequestError, match=running):
        challenged(challenged(promoted(1), canary(2)), canary(3, salt="salt-2"))


def test_a_canary_takes_each_step_once_and_none_too_early() -> None:
    aliases = challenged(promoted(1), canary(2))
    assert step_traffic(aliases, "salt-1", at=NOW + 0.9 * HOUR, **SAID) == aliases, "too early"
    for hours, share in ((1, 0.5), (1.5, 0.5), (2, 0.9), (3, 0.9)):
        aliases = step_traffic(aliases, "salt-1", at=NOW + hours * HOUR, **SAID)
        assert aliases.traffic
        assert aliases.traffic.share == share
    assert (aliases.traffic.steps, aliases.traffic.step_since) == ((), NOW + 2 * HOUR)
    assert [change.traffic and change.traffic.share for change in aliases.history] == [None, 0.1, 0.5, 0.9]


def test_what_was_decided_for_an_experiment_that_is_over_touches_no_later_one() -> None:
    later = challenged(promoted(1), canary(2, salt="salt-2"))
    for change in (step_traffic, stop_traffic, promote_challenger):
        told: Any = {"at": NOW + 9 * HOUR, "salt": "salt-1", **SAID}
        assert change(later, **told) == later
        assert change(promoted(1), **told) == promoted(1), "none runs"


def test_an_end_gives_all_traffic_to_the_champion_and_is_recorded_once() -> None:
    aliases = challenged(promoted(1), canary(2))
    for salt in (None, "salt-1"):
        stopped = stop_traffic(aliases, salt=salt, at=NOW + HOUR, **SAID)
        assert (stopped.champion, stopped.traffic, stopped.history[-1].traffic) == (1, None, None)
        assert stop_traffic(stopped, salt=salt, at=NOW + 2 * HOUR, **SAID) == stopped


def test_a_new_champion_has_all_of_the_traffic_however_it_came() -> None:
    aliases = challenged(promoted(1, 2), canary(3))
    won = promote_challenger(aliases, "salt-1", at=NOW + 3 * HOUR, **SAID)
    assert (won.champion, won.traffic, won.predecessor) == (3, None, 2)
    assert promote_challenger(won, "salt-1", at=NOW + 3 * HOUR, **SAID) == won
    for other in (rolled_back(aliases), promoted(4, aliases=aliases)):
        assert (other.traffic, other.history[-1].traffic) == (None, None)


def test_who_cannot_go_back_is_told_that_the_experiment_can_be_stopped() -> None:
    with pytest.raises(ConflictingRequestError, match=r"first champion; its experiment \(canary\) .* can be stopped"):
        rolled_back(challenged(promoted(1), canary(2)))


def test_a_run_starts_its_experiment_once_over_its_champion_and_beside_no_other() -> None:
    told: Any = {"against": 1, "at": NOW + HOUR, "reason": "new rows", "by": "run 2"}
    started = start_traffic_once(promoted(1), canary(2), **told)
    assert started.traffic == canary(2)
    stopped = stop_traffic(started, at=NOW + HOUR, **SAID)
    assert start_traffic_once(stopped, canary(2, salt="salt-9"), **told) == stopped, "delivered again"
    for other in (promoted(1, 3), challenged(promoted(1), canary(3))):
        assert start_traffic_once(other, canary(2), **told) == other
        assert promote_once(other, 2, **told) == other, "neither does a run that promotes"


def test_the_history_says_who_was_champion_and_which_experiment_ran_beside() -> None:
    aliases = stop_traffic(challenged(promoted(1), canary(2)), at=NOW + 5 * HOUR, **SAID)
    for hours, traffic in ((0, None), (1, canary(2)), (4, canary(2)), (5, None)):
        moment = NOW + hours * HOUR
        assert (aliases.champion_at(moment), aliases.traffic_at(moment)) == (1, traffic)
        assert aliases.change_at(moment) == aliases.history[0]


@given(steps=st.lists(st.one_of(st.none(), st.just("traffic"), st.integers(1, 4)), max_size=30))
def test_rollbacks_undo_promotions_in_reverse_order_whatever_happened(steps: list[int | str | None]) -> None:
    """None rolls back, a number promotes, "traffic" tries 5 beside; a plain list of champions is the truth."""
    aliases, line = EMPTY, []
    for step in steps:
        if step == "traffic":
            aliases = challenged(aliases, canary(5)) if line and not aliases.traffic else aliases
        elif step is None and len(line) < 2:
            with pytest.raises(ConflictingRequestError):
                rolled_back(aliases)
        elif step is None:
            line.pop()
            aliases = rolled_back(aliases)
        elif not line or line[-1] != step:
            line.append(step)
            aliases = promoted(int(step), aliases=aliases)
        assert aliases.champion == (line[-1] if line else None)
    assert [change.epoch for change in aliases.history] == list(range(1, aliases.epoch + 1))
    assert all(later.previous == earlier.champion for earlier, later in pairwise(aliases.history))
    assert Aliases.model_validate_json(aliases.model_dump_json()) == aliases
    assert [aliases.champion_at(change.at) for change in aliases.history] == [c.champion for c in aliases.history]
