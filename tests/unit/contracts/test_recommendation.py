"""What a definition of a recommendation must say, and may not."""

from typing import Any

import pytest
from pydantic import ValidationError

from everloop.contracts.columns import ColumnType
from everloop.contracts.definition import Definition
from everloop.contracts.recommendation import HISTORY_ITEMS, join_items
from everloop.features.compile import compile_features
from tests.shoppers import definition

DATA = {"target": "article", "entity": "shopper", "timestamp": "bought_at"}


def test_the_section_may_be_left_out() -> None:
    found = definition(recommendation={}).recommendation
    assert found is not None
    assert (found.items, found.exclude_known) == (10, False)
    written = definition().model_dump(exclude={"recommendation"})
    assert Definition.model_validate(written).recommendation == found


def test_a_request_needs_nothing_and_carries_user_items_and_time() -> None:
    inputs = definition(columns={"shopper": {"type": "category", "nullable": False}}).inputs
    assert {name: column.type for name, column in inputs.items()} == {
        "shopper": ColumnType.CATEGORY,
        "bought_at": ColumnType.TIMESTAMP,
        "items": ColumnType.TEXT,
    }
    assert all(column.nullable for column in inputs.values())


def test_nothing_but_interactions_is_learned_from() -> None:
    asked = definition()
    assert asked.algorithms == ("matrix-factorization", "item-similarity")
    assert compile_features(asked).raw_columns == {}


@pytest.mark.parametrize(
    ("sections", "words"),
    [
        ({"data": DATA | {"entity": None}}, "expected data.entity and data.timestamp"),
        ({"data": DATA | {"timestamp": None}}, "expected data.entity and data.timestamp"),
        ({"data": DATA | {"entity": "article"}}, "expected a category, integer, text column beside the target"),
        ({"data": DATA | {"entity": "price"}}, "got 'price', a number"),
        ({"data": DATA | {"row_id": ["shopper", "bought_at"]}}, "data.row_id: expected other columns"),
        ({"columns": {"article": "number"}}, "target must be category or integer or text, got number"),
        ({"columns": {"items": "integer"}}, "column 'items': requests carry the items of a user under this name"),
        ({"features": {"cheap": "price < 3"}}, "no [history] or [features]"),
        ({"history": {"n": {"value": "count()", "by": "shopper", "over": "1 day"}}}, "no [history] or [features]"),
        ({"training": {"holdout": {"by": "random"}}}, "a recommendation is judged on what comes later"),
        ({"training": {"algorithms": ["ridge"]}}, "algorithm 'ridge' is not one of recommendation"),
        ({"training": {"metric": "roc_auc"}}, "not one of recommendation: hit_rate, ndcg, recall"),
        ({"serving": {"fallback": "0-ä0"}}, "a list of items for recommendations"),
        ({"serving": {"fallback": 0.5}}, "a list of items for recommendations"),
        ({"recommendation": {"items": 0}}, "greater than or equal to 1"),
        ({"recommendation": {"item": 3}}, "unknown key 'item'; did you mean 'items'?"),
    ],
)
def test_what_makes_no_recommendation_is_told(sections: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError) as caught:
        definition(**sections)
    assert words in str(caught.value)


def test_another_task_has_no_such_section() -> None:
    with pytest.raises(ValidationError, match=r"expected \[recommendation\] for that task, and for no other"):
        definition(task="multiclass-classification", serving={})


def test_the_graph_sees_the_newest_items_first_and_not_too_many() -> None:
    assert join_items(["old", "new"]) == "new\x1fold"
    assert join_items([]) == ""
    assert join_items([str(n) for n in range(500)]).split("\x1f") == [str(499 - n) for n in range(HISTORY_ITEMS)]
