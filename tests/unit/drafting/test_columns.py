"""What a column is taken for, and what is demanded of it."""

import pytest

from everloop.contracts.columns import ColumnType
from everloop.drafting.drafted import Role
from tests.unit.drafting.conftest import Drafting, noise

ROWS = 1_200


@pytest.mark.parametrize(
    ("values", "type"),
    [
        (["1", "-2", "+3"], ColumnType.INTEGER),
        (["1", "2.5", "1e3"], ColumnType.NUMBER),
        (["2004.0", "1998.0"], ColumnType.NUMBER),
        (["00501", "10001"], ColumnType.CATEGORY),
        (["yes", "no"], ColumnType.BOOLEAN),
        (["True", "false"], ColumnType.BOOLEAN),
        (["0", "1"], ColumnType.INTEGER),
        (["a", "b"], ColumnType.CATEGORY),
        (["1", "b"], ColumnType.CATEGORY),
        (["99999999999999999999", "1"], ColumnType.NUMBER),
    ],
    ids=str,
)
def test_values_tell_the_type(drafting: Drafting, values: list[str], type: ColumnType) -> None:
    assert drafting({"x": values * 30}).column("x").type is type


def test_all_rows_count_and_not_the_first_ones(drafting: Drafting) -> None:
    assert drafting({"x": [*["1"] * 30_000, "2.5"], "z": ["a", "b"]}).column("x").type is ColumnType.NUMBER


def test_a_few_words_among_numbers_are_left_to_quarantine(drafting: Drafting) -> None:
    written = drafting({"x": [*map(str, noise(ROWS, seed=9)), "old"]})
    assert written.column("x").type is ColumnType.NUMBER
    assert written.draft.notes == ("1 row whose x is no number will go to quarantine",)


def test_bounds_are_never_what_this_file_happens_to_hold(drafting: Drafting) -> None:
    written = drafting(
        {"amount": [3, 5, 9] * 400, "balance": [3, 5, 9] * 400, "low": [-3, 5] * 600, "flag": [0, 1] * 600}
    )
    bounds = {name: (column.minimum, column.maximum) for name, column in written.definition.columns.items()}
    assert bounds["amount"] == (0, None)
    assert bounds["balance"] == (None, None)
    assert bounds["low"] == (None, None)
    assert bounds["flag"] == (0, None)


def test_a_column_is_never_null_only_if_many_rows_say_so(drafting: Drafting) -> None:
    assert not drafting({"x": noise(1_000)}).column("x").nullable
    assert drafting({"x": noise(999)}).column("x").nullable


def test_a_share_of_nulls_may_double(drafting: Drafting) -> None:
    written = drafting({"x": ["", *range(1, 10)] * 120, "z": ["", *range(2, 100)] * 13, "often": ["", 7, ""] * 400})
    assert written.column("x").maximum_null_share == 0.2
    assert written.column("z").maximum_null_share == 0.06
    assert written.column("often").maximum_null_share is None


def test_levels_are_listed_if_they_are_few_and_each_is_frequent(drafting: Drafting) -> None:
    few, many = ["b", "a", " c"], [f"level {n}" for n in range(21)]
    written = drafting({"few": few * 400, "many": many * 58, "rare": ["a"] * 1_200 + ["b"] * 9})
    assert written.column("few").allowed == (" c", "a", "b")
    assert written.column("many").allowed is None
    assert written.column("rare").allowed is None
    assert drafting({"few": few * 300}).column("few").allowed is None


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        (["", ""], "empty in every row"),
        (["x", "x"], "always 'x'"),
        ([f"{n:064x}" for n in range(60)], "it is different in almost every row"),
        ([f"{n} times it was said before" for n in range(60)], ""),
        ([f"n{n % 50}" for n in range(80)], "few rows share a level"),
        ([1_700_000_000 + 60 * (n % 7) for n in range(60)], ""),
    ],
    ids=["empty", "constant", "unique", "prose", "levels", "a number"],
)
def test_what_teaches_nothing_is_left_out_with_the_reason(drafting: Drafting, values: list[str], reason: str) -> None:
    written = drafting({"x": values, "z": noise(60, seed=9)})
    assert (written.role("x") is Role.LEFT_OUT) == bool(reason)
    assert written.why("x").startswith(reason)
    assert ("x" in written.definition.columns) == (not reason)
    assert not reason or "\n# x = " in written.toml


def test_prose_is_free_text_to_learn_from(drafting: Drafting) -> None:
    written = drafting({"x": [f"{n} times it was said before" for n in range(60)], "z": noise(60, seed=9)})
    assert (written.column("x").type, written.role("x")) == (ColumnType.TEXT, Role.INPUT)
    assert "x" in written.definition.model_columns


def test_seconds_since_1970_are_no_measurement(drafting: Drafting) -> None:
    written = drafting({"created_at": [1_700_000_000 + 60 * (n % 7) for n in range(60)], "z": noise(60, seed=9)})
    assert written.role("created_at") is Role.LEFT_OUT
    assert "seconds since 1970" in written.why("created_at")


def test_a_name_of_the_models_own_cannot_be_an_input(drafting: Drafting) -> None:
    written = drafting({"numbers": ["a", "b"] * 30, "z": noise(60, seed=9)})
    assert written.role("numbers") is Role.LEFT_OUT


def test_columns_of_quarantine_files_are_passed_over(drafting: Drafting) -> None:
    written = drafting({"z": noise(60, seed=9), "_row": range(60), "_reasons": ["wrong_type"]})
    assert [column.name for column in written.draft.columns] == ["z", "y"]
