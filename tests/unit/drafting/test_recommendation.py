"""A recommendation that is drafted: who takes, what, and when, and nothing else."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from everloop.contracts.columns import ColumnType
from everloop.contracts.tasks import Task
from everloop.errors import DefinitionError
from tests.unit.drafting.conftest import Drafting

ROWS = 600
COLUMNS: dict[str, list[Any]] = {
    "customer_id": [n * 7 % 40 + 100 for n in range(ROWS)],
    "y": [f"{n * 5 % 31:05}" for n in range(ROWS)],
    "bought": [(datetime(2024, 1, 1) + timedelta(minutes=37 * n)).isoformat(" ") for n in range(ROWS)],
    "price": [n % 17 + 0.5 for n in range(ROWS)],
    "shop": ["east" if n % 3 else "west" for n in range(ROWS)],
}


def test_who_what_and_when_are_declared_and_all_else_is_left_out(drafting: Drafting) -> None:
    found = drafting(COLUMNS, task=Task.RECOMMENDATION)
    data = found.definition.data
    assert (found.definition.task, data.entity, data.target, data.timestamp) == (
        Task.RECOMMENDATION,
        "customer_id",
        "y",
        "bought",
    )
    assert found.definition.columns.keys() == {"customer_id", "y", "bought"}
    assert found.definition.columns["y"].type is ColumnType.CATEGORY
    assert "# price = " in found.toml
    assert '# fallback = ["0' in found.toml
    assert not found.definition.features


def test_whole_numbers_with_nulls_name_somebody(drafting: Drafting) -> None:
    """As a data frame writes integers of which some are missing."""
    numbers = [None if n % 11 == 0 else f"{who}.0" for n, who in enumerate(COLUMNS["customer_id"])]
    found = drafting({**COLUMNS, "customer_id": numbers}, task=Task.RECOMMENDATION).definition
    assert found.data.entity == "customer_id"
    assert found.columns["customer_id"].type is ColumnType.INTEGER


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"customer_id": None}, "needs a column that says to whom, named such as customer_id"),
        ({"customer_id": [n + 0.5 for n in range(ROWS)]}, "needs a column that says to whom"),
        ({"bought": None}, "needs a column that says when a thing was taken"),
        ({"y": ["the only one"] * ROWS}, "expected at least 10 ids, each in several rows, got 1"),
        ({"y": [f"item {n}" for n in range(ROWS)]}, "expected at least 10 ids, each in several rows, got 600"),
        ({"y": [n / 3 for n in range(ROWS)]}, "expected at least 10 ids"),
    ],
)
def test_what_is_missing_is_told(drafting: Drafting, changes: dict[str, Any], words: str) -> None:
    columns = {name: values for name, values in (COLUMNS | changes).items() if values is not None}
    with pytest.raises(DefinitionError, match=words):
        drafting(columns, task=Task.RECOMMENDATION)
