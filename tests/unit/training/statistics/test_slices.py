"""The model's weak places are found, and chance is not taken for one."""

from typing import Any

import numpy as np
import pytest
from onnx import helper

from everloop.contracts.tasks import Task
from everloop.metrics import METRICS
from everloop.training.statistics.slices import MINIMUM_ROWS, slices
from tests.samples import example
from tests.unit.training.statistics.conftest import graph, holdout, judged, takes_everything

ROWS = 2_000
RNG = np.random.default_rng(3)
TARGET = (RNG.random(ROWS) < 0.4).astype(float)
LEVELS = np.where(np.arange(ROWS) % 5 == 0, "bad", np.where(np.arange(ROWS) % 5 == 1, "", "good")).astype(object)
SCORE = np.clip(np.where(LEVELS == "bad", 0.5, TARGET * 0.6 + 0.2) + RNG.normal(size=ROWS) * 0.2, 0.01, 0.99)


def found(raw: dict[str, Any] | None = None, *, target: Any = TARGET, score: Any = SCORE, **sections: Any) -> Any:
    columns = {"a": RNG.normal(size=len(target)), "c": LEVELS} | (raw or {})
    definition = example(Task.BINARY, **sections)
    dataset = holdout(columns, target)
    return slices(judged(takes_everything(), dataset, definition=definition, score=score))


def named(parts: list[dict[str, Any]], column: str) -> dict[str, dict[str, Any]]:
    return {part["part"]: part for part in parts if part["column"] == column}


def test_the_worst_slice_comes_first_with_its_interval() -> None:
    measured = found()
    worst = measured["parts"][0]
    assert (measured["metric"], worst["column"], worst["part"], worst["rows"]) == ("roc_auc", "c", "bad", 400)
    assert worst["value"] == METRICS["roc_auc"](TARGET[LEVELS == "bad"], SCORE[LEVELS == "bad"])
    assert worst["low"] < 0.5 < worst["high"]
    assert min(part["low"] for part in measured["parts"][1:]) > 0.7


@pytest.mark.parametrize("metric", ["roc_auc", "log_loss", "accuracy"])
def test_the_worst_is_the_same_whether_less_is_better_or_more(metric: str) -> None:
    assert found(training={"metric": metric})["parts"][0]["part"] == "bad"


def test_every_row_is_in_one_slice_of_each_column() -> None:
    a = RNG.normal(size=ROWS)
    a[:300] = np.nan
    parts = found({"a": a})["parts"]
    assert named(parts, "c").keys() == {"bad", "good", "missing"}
    assert len(named(parts, "a")) == 5
    assert named(parts, "a")["missing"]["rows"] == 300
    for column in ("a", "c"):
        assert sum(part["rows"] for part in parts if part["column"] == column) == ROWS


@pytest.mark.parametrize(
    ("values", "parts"),
    [
        (np.arange(ROWS) % 2, {"0", "1"}),
        (np.arange(ROWS) % 8, {"0 to 1", "2 to 3", "4 to 5", "6 to 7"}),
        (np.minimum(np.arange(ROWS), 10), set()),
        (np.full(ROWS, np.nan), set()),
    ],
    ids=["two values", "eight values", "all but ten rows alike", "nothing but nulls"],
)
def test_quarters_are_told_by_the_values_in_them(values: Any, parts: set[str]) -> None:
    assert named(found({"a": values.astype(float)})["parts"], "a").keys() == parts


def test_a_slice_of_too_few_rows_or_of_one_class_is_left_out() -> None:
    levels = LEVELS.copy()
    levels[: MINIMUM_ROWS - 1] = "rare"
    levels[MINIMUM_ROWS : 2 * MINIMUM_ROWS] = "one class"
    target = TARGET.copy()
    target[MINIMUM_ROWS : 2 * MINIMUM_ROWS] = 0
    assert named(found({"c": levels}, target=target)["parts"], "c").keys() == {"bad", "good", "missing"}


def test_a_small_slice_that_is_bad_by_chance_is_not_the_worst() -> None:
    levels = np.where(np.arange(ROWS) < 100, "small", "large").astype(object)
    score = SCORE.copy()
    score[:100] = np.where(RNG.random(100) < 0.45, 1 - TARGET[:100], TARGET[:100])
    parts = found({"c": levels, "a": np.where(LEVELS == "bad", 1.0, 0.0)}, score=score)["parts"]
    assert parts[0]["column"] == "a"


def test_a_column_that_no_request_carries_is_left_to_its_gate() -> None:
    greedy = graph([helper.make_node("Add", ["a", "y"], ["answer"])], takes=("a", "y"))
    dataset = holdout({"a": RNG.normal(size=ROWS), "y": TARGET}, TARGET)
    assert {part["column"] for part in slices(judged(greedy, dataset, score=SCORE))["parts"]} == {"a"}


def test_the_same_seed_gives_the_same_intervals() -> None:
    a = np.arange(ROWS).astype(float)
    assert found({"a": a}) == found({"a": a})
