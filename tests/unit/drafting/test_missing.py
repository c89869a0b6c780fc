"""Texts and numbers that stand for null."""

from typing import Any

import pytest

from everloop.contracts.columns import ColumnType
from tests.unit.drafting.conftest import Drafting, noise


@pytest.mark.parametrize("word", ["NA", "n/a", "nan", "None", "-", "?", "unknown", "#DIV/0!", "not measured"])
def test_a_word_among_numbers_means_null(drafting: Drafting, word: str) -> None:
    written = drafting({"x": [*noise(90), *[word] * 10]})
    assert written.definition.data.csv.missing == (word,)
    assert (written.column("x").type, written.column("x").maximum_null_share) == (ColumnType.NUMBER, 0.2)


def test_an_unknown_level_is_a_level(drafting: Drafting) -> None:
    written = drafting({"x": ["a", "b", "unknown"] * 400, "z": noise(1_200, seed=9)})
    assert written.definition.data.csv.missing == ()
    assert written.column("x").allowed == ("a", "b", "unknown")


def test_a_word_that_means_nothing_else_is_null_among_texts_too(drafting: Drafting) -> None:
    written = drafting({"x": ["a", "b", "NULL"] * 400, "z": noise(1_200, seed=9)})
    assert written.definition.data.csv.missing == ("NULL",)
    assert written.column("x").allowed == ("a", "b")


def test_what_means_null_in_one_column_means_it_in_all(drafting: Drafting) -> None:
    written = drafting({"x": ["a", "b", "unknown"] * 400, "z": [1.5, 2, "unknown"] * 400})
    assert written.column("x").allowed == ("a", "b")
    assert written.column("x").maximum_null_share == 0.67


def test_an_instruments_sentinel_means_null(drafting: Drafting) -> None:
    near = [10 + n % 7 for n in range(95)]
    far = [600 + 15 * n for n in range(95)]
    written = drafting({"near": [*near, *[-200] * 5], "far": [*far, *["-200,0"] * 5]}, **{})
    assert written.definition.data.csv.missing == ("-200",)
    written = drafting({"near": [*near, *[-200] * 5], "far": [*far, *["-200.0"] * 5]})
    assert written.definition.data.csv.missing == ("-200", "-200.0")
    assert written.column("far").type is ColumnType.INTEGER


@pytest.mark.parametrize(
    "values",
    [
        [*range(-300, 400, 7), -200],
        [*(10 + n % 7 for n in range(995)), -200],
        [*(600 + 15 * n for n in range(95)), *[-200] * 5],
        [*range(900, 1_000), 999, 999, 999, 999, 999],
    ],
    ids=["in the middle", "once", "near enough", "one of many"],
)
def test_a_number_that_others_are_near_to_is_a_number(drafting: Drafting, values: list[Any]) -> None:
    assert drafting({"x": values, "z": ["a", "b"]}).definition.data.csv.missing == ()
