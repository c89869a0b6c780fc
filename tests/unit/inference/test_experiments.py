"""How the rows of a request are divided between champion and challenger, and who stands in for whom."""

from datetime import timedelta
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from everloop.contracts.definition import Definition
from everloop.contracts.traffic import Traffic
from everloop.inference.answer import Answer
from everloop.inference.assignment import assigned, position
from everloop.inference.records import prediction_message
from everloop.inference.rows import to_columns
from everloop.registry.promotion import promote, roll_back
from tests.samples import NOW, constant_model, echo_model, pump_failure, pump_row
from tests.unit.inference.test_predictor import MODEL, Serving, serving

DEFINITION = pump_failure()
PUMPS = [f"P-{number}" for number in range(2_000)]


def traffic(share: float = 0.5, *, mode: Any = "ab", salt: str = "first", challenger: int = 3) -> Traffic:
    return Traffic(
        mode=mode,
        challenger=challenger,
        share=share,
        salt=salt,
        started_at=NOW,
        ends_at=NOW + timedelta(days=14),
        step_since=NOW,
    )


def sides(asked: Traffic, pumps: list[str], definition: Definition = DEFINITION) -> list[bool]:
    columns = to_columns([pump_row(pump=pump) for pump in pumps], definition)
    return assigned(asked, definition, columns, [f"id-{row}" for row in range(len(pumps))])


# Assignment


@pytest.mark.parametrize("share", [0.01, 0.05, 0.25, 0.5, 0.9])
def test_the_share_is_kept_within_what_chance_allows(share: float) -> None:
    for salt in ("first", "second", "third"):
        chosen = sum(sides(traffic(share, salt=salt), PUMPS))
        deviation = (len(PUMPS) * share * (1 - share)) ** 0.5
        assert abs(chosen - len(PUMPS) * share) < 4 * deviation


def test_all_is_all() -> None:
    assert all(sides(traffic(1), PUMPS))


def test_an_entity_keeps_its_side_in_every_request() -> None:
    together = sides(traffic(), PUMPS)
    assert [sides(traffic(), [pump])[0] for pump in PUMPS[:200]] == together[:200]
    assert sides(traffic(), PUMPS[::-1]) == together[::-1]


def test_who_was_given_to_the_challenger_stays_there_while_the_share_grows() -> None:
    shares = [sides(traffic(share), PUMPS) for share in (0.05, 0.25, 0.5, 1)]
    for smaller, larger in pairwise(shares):
        assert all(later for earlier, later in zip(smaller, larger, strict=True) if earlier)


def test_another_experiment_is_another_draw() -> None:
    first, second = (np.array(sides(traffic(salt=salt), PUMPS)) for salt in ("first", "second"))
    assert abs((first == second).mean() - 0.5) < 0.05


def test_positions_do_not_depend_on_the_process() -> None:
    """Python's own hash would give each worker another one."""
    assert position("salt", "P-7") == 0.13781870763783455
    assert position("salt", "P-7") != position("sal", "tP-7")


def test_rows_that_name_no_entity_are_assigned_one_by_one() -> None:
    row = to_columns([pump_row(pump=None)] * 2_000, DEFINITION)
    ids = [f"id-{number}" for number in range(2_000)]
    chosen = assigned(traffic(), DEFINITION, row, ids)
    assert abs(sum(chosen) - 1_000) < 90
    assert assigned(traffic(), DEFINITION, row, ids) == chosen
    data = DEFINITION.data.model_dump(exclude_none=True)
    without = pump_failure(data={name: value for name, value in data.items() if name != "entity"})
    assert assigned(traffic(), without, row, ids) == chosen


def test_an_entity_of_numbers_is_one_as_well() -> None:
    columns = {"unit": "integer", "x": "number", "y": "boolean"}
    definition = Definition.model_validate(
        {
            "name": "units",
            "task": "binary-classification",
            "data": {"target": "y", "entity": "unit"},
            "columns": columns,
        }
    )
    rows = [{"unit": number % 50 or None, "x": 1} for number in range(1_000)]
    chosen = assigned(traffic(), definition, to_columns(rows, definition), [f"id-{row}" for row in range(1_000)])
    by_unit = {number: {chosen[row] for row in range(number, 1_000, 50)} for number in range(50)}
    assert all(len(found) == 1 for number, found in by_unit.items() if number)
    assert len(by_unit[0]) == 2, "rows without a unit are on their own"


# Who answers


def experiment(*models: bytes, **changes: Any) -> Serving:
    """Of three models: the predecessor, the champion, and the challenger."""
    world = serving(*models)
    world.experiment(traffic(**changes))
    return world


PREDECESSOR, CHAMPION, CHALLENGER = constant_model(0.1), constant_model(0.2), constant_model(0.3)
ROWS = [pump_row(pump=pump) for pump in PUMPS[:40]]
SIDES = ["challenger" if chosen else "champion" for chosen in sides(traffic(), PUMPS[:40])]
OWN = {"champion": (2, 0.2), "challenger": (3, 0.3)}


def answers(answer: Answer) -> list[tuple[int | None, float | None]]:
    return [(version, score and round(score, 3)) for version, score in zip(answer.versions, answer.scores, strict=True)]


def test_each_row_is_answered_by_the_version_it_is_assigned_to() -> None:
    answer = experiment(PREDECESSOR, CHAMPION, CHALLENGER)(*ROWS)
    assert answer.variants == SIDES
    assert answers(answer) == [OWN[side] for side in SIDES]
    assert set(answer.answered_by) == {"model"}
    assert answer.failures == []


def test_another_worker_gives_each_entity_the_same_side() -> None:
    world = experiment(PREDECESSOR, CHAMPION, CHALLENGER)
    other = experiment(PREDECESSOR, CHAMPION, CHALLENGER)
    assert [world(row).variants for row in ROWS] == [other(row).variants for row in ROWS] == [[each] for each in SIDES]


def test_for_a_challenger_that_fails_the_champion_answers() -> None:
    world = experiment(PREDECESSOR, CHAMPION, CHALLENGER)
    world.damage(3)
    answer = world(*ROWS)
    assert answer.variants == SIDES, "who was assigned stays assigned, or the comparison would favour who fails"
    assert answers(answer) == [(2, 0.2)] * 40
    assert answer.answered_by == ["model" if side == "champion" else "fallback:champion" for side in SIDES]
    assert len(answer.failures) == 1
    assert answer.fallbacks == SIDES.count("challenger")


def test_if_both_fail_the_predecessor_answers_all() -> None:
    world = experiment(PREDECESSOR, CHAMPION, CHALLENGER)
    world.damage(3)
    world.damage(2)
    answer = world(*ROWS)
    assert answers(answer) == [(1, 0.1)] * 40
    assert set(answer.answered_by) == {"fallback:previous"}
    assert answer.variants == SIDES
    assert len(answer.failures) == 2, "each version is asked once"


def test_rows_that_the_challenger_has_no_number_for_are_the_champions() -> None:
    world = experiment(PREDECESSOR, CHAMPION, echo_model())
    rows = [pump_row(pump=pump, pressure=None if number % 2 else 0.5) for number, pump in enumerate(PUMPS[:40])]
    answer = world(*rows)
    for number, side in enumerate(SIDES):
        asked = (answer.versions[number], answer.answered_by[number])
        if side == "champion":
            assert asked == (2, "model")
        else:
            assert asked == ((2, "fallback:champion") if number % 2 else (3, "model"))


def test_a_shadow_answers_nobody_and_marks_its_rows() -> None:
    answer = experiment(PREDECESSOR, CHAMPION, CHALLENGER, mode="shadow")(*ROWS)
    assert answers(answer) == [(2, 0.2)] * 40
    assert set(answer.variants) == {"champion"}
    assert answer.shadows == [3 if side == "challenger" else None for side in SIDES]
    message = prediction_message(DEFINITION, answer, [f"id-{row}" for row in range(40)], now=NOW)
    assert message["shadow"] == answer.shadows


def test_a_shadow_is_not_even_loaded() -> None:
    world = experiment(PREDECESSOR, CHAMPION, CHALLENGER, mode="shadow")
    world.damage(3)
    assert world(*ROWS).failures == []


def test_without_a_shadow_the_message_carries_none() -> None:
    answer = experiment(PREDECESSOR, CHAMPION, CHALLENGER)(pump_row())
    assert "shadow" not in prediction_message(DEFINITION, answer, ["id-1"], now=NOW)


@pytest.mark.parametrize("version", [1, 2, 3])
def test_a_pinned_version_is_outside_of_it_all(version: int) -> None:
    answer = experiment(PREDECESSOR, CHAMPION, CHALLENGER)(*ROWS, pinned_version=version)
    assert set(answer.variants) == {"pinned"}
    assert set(answer.versions) == {version}
    assert set(answer.answered_by) == {"model"}


def test_a_rollback_gives_everything_to_the_predecessor() -> None:
    world = experiment(PREDECESSOR, CHAMPION, CHALLENGER)
    world(*ROWS)
    world.registry.change_aliases(MODEL, lambda aliases: roll_back(aliases, at=NOW, reason="", by="me"))
    world.clock.advance(timedelta(seconds=1))
    answer = world(*ROWS)
    assert answers(answer) == [(1, 0.1)] * 40
    assert set(answer.variants) == {"champion"}


def test_a_promotion_of_the_challenger_gives_it_everything() -> None:
    world = experiment(PREDECESSOR, CHAMPION, CHALLENGER)
    world.registry.change_aliases(MODEL, lambda aliases: promote(aliases, 3, at=NOW, reason="", by="me"))
    answer = world(*ROWS)
    assert answers(answer) == [(3, 0.3)] * 40
    assert set(answer.variants) == {"champion"}
