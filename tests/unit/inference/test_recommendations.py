"""A request for recommendations: what it may carry, what is answered, and what is remembered."""

import json
from datetime import timedelta
from typing import Any

import numpy as np
import pytest
from onnx import TensorProto, helper

from everloop.contracts.definition import Definition
from everloop.contracts.predictions import PredictionsMessage
from everloop.contracts.recommendation import ITEMS
from everloop.errors import InvalidRowsError, ModelUnavailableError
from everloop.inference.predictor import Predictor
from everloop.inference.records import parse_outcomes
from everloop.inference.rows import to_columns
from everloop.inference.service import PredictionService
from everloop.inference.versions import Versions
from everloop.registry.promotion import promote
from everloop.scorer import METADATA_KEY, RECOMMENDED, SCORES
from everloop.stores.registry import ModelRegistry
from everloop.training.nodes import Nodes
from tests.fakes import FixedClock, InMemoryObjectStore, InMemoryQueue
from tests.histories import no_history
from tests.samples import NOW, constant_model, counting_new_ids, register
from tests.shoppers import MODEL, definition


def showcase(*items: str) -> bytes:
    """Recommends the same to everybody; the last place is empty."""
    graph = Nodes("showcase")
    scores = np.array([[3.0, 2.0, 0.0][: len(items)]], np.float32)
    shape = graph.node("Shape", ITEMS)
    for name, values in ((RECOMMENDED, np.array([items], object)), (SCORES, scores)):
        graph.node("Expand", graph.constant(values), shape, output=name)
    inputs = {"shopper": TensorProto.STRING, ITEMS: TensorProto.STRING}
    model = graph.model(inputs, {RECOMMENDED: TensorProto.STRING, SCORES: TensorProto.FLOAT}, len(items))
    metadata = {"task": "recommendation", "classes": [], "items": len(items)}
    helper.set_model_props(model, {METADATA_KEY: json.dumps(metadata)})
    return bytes(model.SerializeToString())


class Shop:
    def __init__(self, *models: bytes, asked: Definition) -> None:
        store = InMemoryObjectStore()
        registry = ModelRegistry(store)
        for number, model in enumerate(models, start=1):
            register(registry, MODEL, f"run-{number}", model)
            registry.change_aliases(MODEL, lambda aliases, n=number: promote(aliases, n, at=NOW, reason="", by=str(n)))
        clock = FixedClock(NOW)
        self.queue = InMemoryQueue()
        self._asked = asked
        versions = Versions(store, clock, timedelta(seconds=1))
        predictor = Predictor(versions, no_history(clock), lambda _: None)
        self._service = PredictionService(predictor, self.queue, clock, counting_new_ids())

    def ask(self, *rows: dict[str, Any]) -> list[dict[str, Any]]:
        return self._service.answer(self._asked, rows).predictions


def test_items_come_with_their_scores_the_best_first_and_are_remembered_as_one_text() -> None:
    shop = Shop(showcase("0-ä1", "b", ""), asked=definition())
    first, second = shop.ask({"shopper": "0-s0"}, {"items": ["x", "y"]})
    assert first == {
        "prediction_id": "id-1",
        "items": [{"item": "0-ä1", "score": 3.0}, {"item": "b", "score": 2.0}],
        "version": 1,
        "answered_by": "model",
        "variant": "champion",
    }
    assert second["items"] == first["items"]
    [body] = shop.queue.messages
    told = PredictionsMessage.model_validate_json(body)
    assert told.label[0] == '["0-ä1", "b"]'
    assert told.score == (None, None)
    assert told.inputs == {
        "shopper": ("0-s0", None),
        "bought_at": (None, None),
        "items": (None, "y\x1fx"),
    }


def test_items_of_an_integer_column_are_numbers() -> None:
    asked = definition(columns={"article": "integer"}, serving={"fallback": [7]})
    assert Shop(showcase("12", "5", ""), asked=asked).ask({"items": [3, 4]})[0]["items"] == [
        {"item": 12, "score": 3.0},
        {"item": 5, "score": 2.0},
    ]
    assert Shop(asked=asked).ask({})[0]["items"] == [{"item": 7, "score": None}]


def test_a_version_of_when_items_were_no_integers_does_not_answer() -> None:
    asked = definition(columns={"article": "integer"}, serving={"fallback": [7]})
    [answer] = Shop(showcase("12", ""), showcase("0-ä1"), asked=asked).ask({})
    assert (answer["answered_by"], answer["items"]) == ("fallback:previous", [{"item": 12, "score": 3.0}])
    [answer] = Shop(showcase("0-ä1"), asked=asked).ask({})
    assert (answer["answered_by"], answer["items"]) == ("fallback:default", [{"item": 7, "score": None}])
    words = "recommends what is no integer, as 'article' is declared now .*; train again"
    with pytest.raises(ModelUnavailableError, match=words):
        Shop(showcase("0-ä1"), asked=definition(columns={"article": "integer"}, serving={})).ask({})


def test_without_a_model_the_declared_items_are_recommended() -> None:
    [answer] = Shop(asked=definition()).ask({"shopper": "0-s0"})
    assert answer["items"] == [{"item": "0-ä0", "score": None}, {"item": "1-ä0", "score": None}]
    assert answer["answered_by"] == "fallback:default"


def test_a_version_of_another_task_does_not_answer() -> None:
    [answer] = Shop(showcase("a"), constant_model(0.7, column="shopper"), asked=definition()).ask({"shopper": "0-s0"})
    assert (answer["answered_by"], answer["items"]) == ("fallback:previous", [{"item": "a", "score": 3.0}])


@pytest.mark.parametrize(
    ("items", "expected"),
    [
        ("0-ä1", "a list of items, each a category"),
        ([1], "a list of items, each a category (a JSON string)"),
        ([None], "a list of items, each a category, not null"),
        (["a\x1fb"], "a list of items without the control character U+001F"),
        (["\ud800"], "a list of items, each a text without NUL"),
    ],
)
def test_what_is_no_list_of_items_is_told(items: Any, expected: str) -> None:
    with pytest.raises(InvalidRowsError) as caught:
        to_columns([{"items": items}], definition())
    [problem] = caught.value.problems
    assert problem["column"] == "items"
    assert problem["expected"].startswith(expected)


def test_other_columns_of_a_row_are_ignored_and_strangers_told() -> None:
    rows = [{"shopper": "0-s0", "price": "any", "article": "x"}] * 12
    assert to_columns(rows, definition()).keys() == {"shopper", "bought_at", "items"}
    with pytest.raises(InvalidRowsError):
        to_columns([{"basket": []}], definition())


def test_an_outcome_is_an_item_that_was_taken() -> None:
    body = {"outcomes": [{"prediction_id": "id-1", "actual": "never seen before"}]}
    assert parse_outcomes(body, definition(), now=NOW).records[0].actual == "never seen before"
    body["outcomes"][0]["actual"] = ["a", "b"]  # type: ignore[assignment]
    with pytest.raises(InvalidRowsError):
        parse_outcomes(body, definition(), now=NOW)
