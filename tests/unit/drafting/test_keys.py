"""Keys name rows or things; nothing is learned from them as they are."""

import pytest

from everloop.contracts.columns import ColumnType
from everloop.contracts.definition import parse_definition
from everloop.drafting.drafted import Role
from everloop.drafting.render import key
from tests.unit.drafting.conftest import Drafting, noise

ROWS = 200
OTHER = noise(ROWS, seed=9)


@pytest.mark.parametrize("name", ["instant", "ID", "row"])
def test_what_counts_the_rows_is_no_key_for_it_begins_anew_in_each_file(drafting: Drafting, name: str) -> None:
    written = drafting({name: range(1, ROWS + 1), "z": OTHER})
    assert written.role(name) is Role.LEFT_OUT
    assert written.definition.data.row_id == ()


@pytest.mark.parametrize(
    ("name", "values", "type"),
    [
        ("Product ID", [f"M{n * 7919}" for n in range(ROWS)], ColumnType.TEXT),
        ("order_id", [n * 7919 for n in range(ROWS)], ColumnType.INTEGER),
        ("customerId", [f"{n:08x}-aaaa" for n in range(ROWS)], ColumnType.TEXT),
    ],
)
def test_a_key_with_a_name_is_the_row_id(drafting: Drafting, name: str, values: list[object], type: ColumnType) -> None:
    written = drafting({name: values, "z": OTHER})
    assert written.definition.data.row_id == (name,)
    assert written.column(name).type is type


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("customer_id", range(1, ROWS + 1)),
        ("InvoiceNumber", [n * 7919 for n in range(ROWS)]),
        ("order no", [f"A{n}" for n in range(ROWS)]),
    ],
)
def test_what_may_be_the_row_id_is_offered_and_not_decided(drafting: Drafting, name: str, values: list[object]) -> None:
    written = drafting({name: values, "z": OTHER})
    assert written.definition.data.row_id == ()
    offered = f'# row_id = ["{name}"]'
    assert f"\n{offered}" in written.toml
    taken = "\n".join(
        line.removeprefix("# ") if line.startswith((offered, f"# {key(name)} =")) else line
        for line in written.toml.splitlines()
    )
    assert parse_definition(taken, source="drafted.toml").data.row_id == (name,)


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("instant", range(1, ROWS + 1)),
        ("id", [n // 2 for n in range(ROWS)]),
        ("id", ["", *range(1, ROWS)]),
        ("key number", noise(ROWS, seed=5)),
        ("humid", [n * 7919 for n in range(ROWS)]),
    ],
    ids=["a row counter", "repeated", "a null", "a measurement", "another name"],
)
def test_nothing_else_is_offered_as_the_row_id(drafting: Drafting, name: str, values: list[object]) -> None:
    assert "row_id" not in drafting({name: values, "z": OTHER}).toml


def test_only_one_key_is_the_row_id(drafting: Drafting) -> None:
    written = drafting({"a_id": [f"a{n}" for n in range(ROWS)], "b_id": [f"b{n}" for n in range(ROWS)], "z": OTHER})
    assert (written.role("a_id"), written.role("b_id")) == (Role.ROW_ID, Role.LEFT_OUT)


def test_a_key_with_nulls_cannot_be_the_row_id(drafting: Drafting) -> None:
    written = drafting({"a_id": ["", *(f"a{n}" for n in range(1, ROWS))], "z": OTHER})
    assert written.role("a_id") is Role.LEFT_OUT


def test_numbers_that_are_all_different_are_still_measurements(drafting: Drafting) -> None:
    written = drafting({"z": OTHER, "humid": [n * 7919 for n in range(ROWS)]})
    assert (written.role("z"), written.role("humid")) == (Role.INPUT, Role.INPUT)


def test_a_key_of_something_else_is_a_category_and_may_be_the_entity(drafting: Drafting) -> None:
    written = drafting({"shop_id": [17, 4, 23, 8] * 50, "z": OTHER})
    assert written.column("shop_id").type is ColumnType.CATEGORY
    assert written.definition.data.entity is None
    assert '\n# entity = "shop_id"' in written.toml
