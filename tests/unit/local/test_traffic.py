"""How `predict` shows an answer, and what `outcome` takes a word for."""

import pytest

from local.commands.traffic import _shown, _value


def test_a_recommendation_is_shown_as_its_items() -> None:
    assert _shown([{"item": "22423", "score": 1.5}, {"item": 7, "score": None}]) == "22423, 7"
    assert _shown(["lag_1d"]) == "lag_1d"
    assert _shown(0.25) == 0.25


@pytest.mark.parametrize(
    ("written", "meant"),
    [("1", 1), ("2.5", 2.5), ("true", True), ("late", "late"), ('"22423"', "22423"), ("null", "null"), ("[1]", "[1]")],
)
def test_digits_in_quotes_are_text(written: str, meant: object) -> None:
    assert _value(written) == meant
