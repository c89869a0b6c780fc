"""What is written can be read: by TOML parsers, and by people."""

import tomllib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from everloop.contracts.columns import ColumnType
from everloop.drafting.render import key, value
from tests.unit.drafting.conftest import Drafting, noise

TEXTS = st.text(st.characters(exclude_categories=["Cs"]))
VALUES = st.recursive(
    TEXTS | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner) | st.dictionaries(TEXTS, inner),
)


@given(name=TEXTS, setting=VALUES)
def test_every_name_and_value_is_read_back_as_it_was(name: str, setting: Any) -> None:
    assert tomllib.loads(f"{key(name)} = {value(setting)}") == {name: setting}


@pytest.mark.parametrize(
    "name", ["default.payment.next.month", "Tool wear [min]", 'the "best"', "größe", "# no", "a\\b"]
)
def test_weird_names_are_quoted(drafting: Drafting, name: str) -> None:
    written = drafting({name: ["0", "1"] * 150, "z": noise(300)}, target=name)
    assert written.definition.data.target == name
    assert written.column(name).type is ColumnType.INTEGER


def test_a_level_with_a_line_end_does_not_end_the_comment(drafting: Drafting) -> None:
    written = drafting({"x": ["a\nb = 1", "c"] * 600})
    assert written.column("x").allowed == ("a\nb = 1", "c")


def test_what_is_left_out_is_declared_by_taking_the_sign_away(drafting: Drafting) -> None:
    written = drafting({"x": ["same"] * 60, "z": noise(60, seed=9)})
    toml = "\n".join(
        line.removeprefix("# ") if line.startswith("# x =") else line for line in written.toml.splitlines()
    )
    assert "x" in tomllib.loads(toml)["columns"]


def test_the_fallback_is_proposed_and_not_decided(drafting: Drafting) -> None:
    written = drafting({"x": noise(300), "y": ["fraud", "legit", "legit"]})
    assert written.definition.serving.fallback is None
    assert "\n# [serving]\n# fallback = 0.333 " in written.toml
