"""Two entities never share a key, and one entity has one key wherever its name comes from."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from everloop.features.history.state import entity_key

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=6)
VALUES = TEXTS | st.integers(-(2**64), 2**64) | st.booleans()


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (["a", "bc"], ["ab", "c"]),
        (["a", "b"], ["b", "a"]),
        (["a"], ["a", ""]),
        (["1:a"], ["a"]),
        (["a1:b"], ["a", "b"]),
        (["1", "11:1"], ["11:1", "1"]),
        ([], [""]),
        (["é"], ["e\u0301"]),
        (["a"], ["A"]),
        (["日本"], ["日", "本"]),
        ([1, 23], [12, 3]),
        ([-1], [1]),
        ([True], [False]),
    ],
)
def test_different_entities_have_different_keys(one: list[str | int], other: list[str | int]) -> None:
    assert entity_key(one) != entity_key(other)


@given(one=st.lists(TEXTS, max_size=3), other=st.lists(TEXTS, max_size=3))
def test_only_equal_names_have_equal_keys(one: list[str], other: list[str]) -> None:
    assert (entity_key(one) == entity_key(other)) == (one == other)


@pytest.mark.parametrize(
    ("requested", "stored"), [([int(7.0)], [7]), ([int(-0.0)], [0]), ([int(2.0**53)], [2**53]), ([True], [True])]
)
def test_a_request_finds_what_the_lake_has_kept(requested: list[int], stored: list[int]) -> None:
    """JSON has no integers: they come as floats, and are made whole before they name an entity."""
    assert entity_key(requested) == entity_key(stored)


def test_a_number_and_its_text_are_one_name() -> None:
    """A column that becomes a category keeps its entities."""
    assert entity_key([7]) == entity_key(["7"])
    assert entity_key([True]) == entity_key(["true"])


@given(st.lists(VALUES, max_size=3))
def test_a_key_shows_nothing_of_the_name(values: list[str | int | bool]) -> None:
    assert re.fullmatch("[0-9a-f]{32}", entity_key(values))
    assert entity_key(values) == entity_key(tuple(values))
