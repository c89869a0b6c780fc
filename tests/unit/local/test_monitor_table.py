"""A check is one line, however many columns drifted."""

from typing import Any

import pytest

from local.commands.models import _drifted, _history_skew, _outcomes


def columns(count: int, *, drifted: bool = True) -> list[dict[str, Any]]:
    return [{"column": f"c{number}", "psi": number / 10, "drifted": drifted} for number in range(count)]


@pytest.mark.parametrize(
    ("found", "told"),
    [
        ([], None),
        (columns(5, drifted=False), None),
        (columns(3), "c2, c1, c0"),
        (columns(12) + columns(1, drifted=False), "c11, c10, c9 and 9 more"),
    ],
)
def test_the_columns_that_moved_most_are_named_and_the_others_counted(found: list[Any], told: str | None) -> None:
    assert _drifted(found) == told


@pytest.mark.parametrize(
    ("skew", "problem", "told"),
    [
        (None, None, None),
        (None, "no such object", "not checked, see --json"),
        ({"rows": 1_000, "different": 0, "columns": {}}, None, "as in training (1,000)"),
        (
            {"rows": 1_000, "different": 9, "columns": {"a": 1, "b": 9, "c": 2, "d": 3, "e": 1}},
            None,
            "9 of 1,000 DIFFER: b, d, c and 2 more",
        ),
    ],
)
def test_histories_that_differ_are_named_the_worst_first(skew: Any, problem: str | None, told: str | None) -> None:
    assert _history_skew({"history_skew": skew, "history_problem": problem}) == told


@pytest.mark.parametrize(("unknown", "told"), [(0, "1,234"), (56_789, "1,234 and 56,789 UNKNOWN")])
def test_outcomes_that_nobody_predicted_stand_beside_the_others(unknown: int, told: str) -> None:
    assert _outcomes({"outcomes": 1_234, "unknown_outcomes": unknown}) == told
