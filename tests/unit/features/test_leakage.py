"""Leaks are found where they are, and nowhere else: on made columns, and on public data whose leaks are known."""

import time
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pytest
from numpy.typing import NDArray

from everloop.contracts.columns import ColumnType
from everloop.contracts.tasks import Task
from everloop.features.leakage import Suspect, Typed, lone_predictors, read_arrays, sample, suspects
from everloop.features.leakage.arrays import MAXIMUM_CHARACTERS

DATA = Path(__file__).parents[4] / "shared" / "data"
RNG = np.random.default_rng(3)
ROWS = 4_000
NOISE = RNG.normal(size=ROWS)
LATE = (RNG.random(ROWS) < 0.2).astype(float)
PRICE = np.exp(RNG.normal(size=ROWS) * 2)
CLASSES = RNG.choice(["a", "b", "c"], ROWS, p=[0.9, 0.05, 0.05])


def suspected(columns: dict[str, NDArray[Any]], target: NDArray[Any], task: Task) -> dict[str, str]:
    return {suspect.column: suspect.evidence for suspect in suspects(columns, target, task)}


def test_columns_of_a_table_become_what_the_detectors_take() -> None:
    columns = {
        "whole": Typed(ColumnType.INTEGER, "i"),
        "flag": Typed(ColumnType.BOOLEAN, "i > 0"),
        "kind": Typed(ColumnType.CATEGORY, "s"),
        "at": Typed(ColumnType.TIMESTAMP, "make_timestamp(i * 1000000)"),
        "prose": Typed(ColumnType.TEXT, "s"),
    }
    with duckdb.connect() as database:
        read = read_arrays(database, "(VALUES (1, 'a'), (NULL, NULL), (0, 'b')) AS t(i, s) WHERE true", columns)
        long = {"long": Typed(ColumnType.TEXT, "s")}
        assert len(read_arrays(database, "(SELECT repeat('a', 5_000) AS s)", long)["long"][0]) == MAXIMUM_CHARACTERS
        assert read_arrays(database, "t", {}) == {}
    assert list(read) == list(columns)
    for name in ("whole", "flag", "at"):
        np.testing.assert_array_equal(read[name], np.array([1, np.nan, 0]))
        assert read[name].dtype == np.float64
    assert read["kind"].tolist() == read["prose"].tolist() == ["a", "", "b"]


def test_honest_columns_are_not_suspected() -> None:
    columns: dict[str, NDArray[Any]] = {
        "noise": NOISE,
        "hint": NOISE + LATE,
        "row_id": np.arange(ROWS, dtype=float),
        "name": np.array([f"row {number}" for number in range(ROWS)]),
        "empty": np.full(ROWS, np.nan),
        "constant": np.ones(ROWS),
        "no_text": np.full(ROWS, ""),
    }
    assert suspected(columns, LATE, Task.BINARY) == {}
    assert suspected(columns, CLASSES, Task.MULTICLASS) == {}
    assert suspected(columns, PRICE, Task.REGRESSION) == {}


def test_a_number_whose_order_is_the_targets_is_suspected() -> None:
    delay = np.where(LATE == 1, 16 + PRICE, -PRICE)
    delay[:1000] = np.nan
    assert list(suspected({"delay": -delay}, LATE, Task.BINARY)) == ["delay"]
    assert list(suspected({"in_cents": 100 * PRICE + RNG.normal(size=ROWS)}, PRICE, Task.REGRESSION)) == ["in_cents"]


def test_levels_and_numbers_in_no_order_are_suspected() -> None:
    code = np.where(LATE == 1, 5.0, RNG.choice([1.0, 9.0], ROWS))
    text = np.where(CLASSES == "a", "alpha", np.where(CLASSES == "b", "beta", "")).astype(object)
    text[text == ""] = None
    assert list(suspected({"code": code}, LATE, Task.BINARY)) == ["code"]
    assert list(suspected({"text": text, "noise": NOISE}, CLASSES, Task.MULTICLASS)) == ["text"]
    assert list(suspected({"distance": np.abs(NOISE)}, NOISE**2, Task.REGRESSION)) == ["distance"]


def test_a_column_that_is_empty_by_the_target_is_suspected() -> None:
    evidence = suspected({"landed_at": np.where(LATE == 1, np.nan, NOISE)}, LATE, Task.BINARY)
    assert evidence == {"landed_at": "whether it is empty tells the target: ROC AUC 1.0000 on 4,000 rows"}


def test_an_almost_perfect_predictor_is_suspected_and_a_very_good_one_is_not() -> None:
    wrong = LATE.copy()
    wrong[:10] = 1 - wrong[:10]
    assert list(suspected({"flag": wrong}, LATE, Task.BINARY)) == ["flag"]
    wrong[:400] = 1 - wrong[:400]
    assert suspected({"flag": wrong}, LATE, Task.BINARY) == {}


def test_a_level_that_decides_a_rare_class_is_suspected() -> None:
    failed = (np.arange(ROWS) % 40 == 0).astype(float)
    some = np.where((failed == 1) & (np.arange(ROWS) < 1_000), "worn", "fine")
    assert suspected({"state": some}, failed, Task.BINARY) == {
        "state": "where it is 'worn', the target is 1 in 25 of 25 rows, against 2.5% of all rows"
    }
    fewer = np.where((failed == 1) & (np.arange(ROWS) < 600), "worn", "fine")
    assert suspected({"state": fewer}, failed, Task.BINARY) == {}


def prose(*endings: NDArray[Any]) -> NDArray[Any]:
    """Another text in each row, and the endings of its own."""
    words = [f"{word} {number}" for number, word in enumerate(RNG.choice(["calm", "dull", "Loud", "plain"], ROWS))]
    return np.array([" ".join(map(str, parts)) for parts in zip(words, *endings, strict=True)], object)


def test_a_text_whose_words_tell_the_target_is_suspected() -> None:
    closed = np.where(LATE == 1, "- closed, LATE.", "- closed")
    assert suspected({"note": prose(closed), "other": prose()}, LATE, Task.BINARY) == {
        "note": "by 'late' alone it tells the target: ROC AUC 1.0000 on 4,000 rows"
    }
    size = np.where(np.median(PRICE) < PRICE, "large", "small")
    assert suspected({"note": prose(size)}, PRICE, Task.REGRESSION) == {}, "it tells half of it"


def test_words_that_tell_the_target_together_are_named() -> None:
    ways = np.where(LATE == 1, RNG.choice(["delayed", "held", "waiting"], ROWS), "")
    [evidence] = suspected({"note": prose(ways)}, LATE, Task.BINARY).values()
    assert sorted(evidence.split(" alone ")[0].removeprefix("by ").split(", ")) == ["'delayed'", "'held'", "'waiting'"]
    assert list(suspected({"note": prose(CLASSES)}, CLASSES, Task.MULTICLASS)) == ["note"]


def test_words_that_hint_at_the_target_are_no_leak() -> None:
    hint = np.where(RNG.random(ROWS) < 0.05, 1 - LATE, LATE)
    assert suspected({"note": prose(np.where(hint == 1, "fog", "sun"))}, LATE, Task.BINARY) == {}


def test_long_texts_of_many_rows_take_seconds() -> None:
    words = RNG.choice([f"w{n}" for n in range(3_000)], (2_000, 120))
    texts = np.tile(np.array([" ".join(row) for row in words], object), 100)
    texts = np.array([f"{text} {row}" for row, text in enumerate(texts)], object)
    started = time.process_time()
    assert suspected({"note": texts}, np.tile(LATE[:2_000], 100), Task.BINARY) == {}
    assert time.process_time() - started < 20


def test_the_parts_of_a_sum_are_named_and_no_other() -> None:
    casual, registered = RNG.poisson(30, ROWS) + 0.0, RNG.poisson(60, ROWS) + 0.0
    columns = {"casual": casual, "noise": NOISE, "registered": registered, "gaps": np.where(LATE == 1, np.nan, 1)}
    evidence = suspected(columns, casual + registered, Task.REGRESSION)
    assert list(evidence) == ["casual", "registered"]
    assert evidence["casual"].startswith("it is part of what adds up to the target: 1 × casual + 1 × registered")


@pytest.mark.parametrize("task", [task for task in Task if task is not Task.RECOMMENDATION])
@pytest.mark.parametrize("rows", [0, 1, 99, 150])
@pytest.mark.parametrize("value", [np.nan, 0.0, 1.7e308, np.inf])
def test_odd_columns_are_no_error(task: Task, rows: int, value: float) -> None:
    target = (np.arange(rows) % 3 > 0).astype(float)
    columns: dict[str, NDArray[Any]] = {
        "odd": np.full(rows, value),
        "mixed": np.where(np.arange(rows) % 2, value, -1e308),
        "empty": np.full(rows, ""),
    }
    assert suspects(columns, target, task) == []
    assert suspects(columns, np.ones(rows), task) == []
    assert suspects(columns, np.full(rows, np.nan), task) == []
    assert suspects({}, target, task) == []


def test_a_sample_is_spaced_evenly_over_the_rows_with_a_target() -> None:
    target = np.array([np.nan, *range(1, 10)])
    table, outcome = sample({"x": np.arange(10)}, target, maximum_rows=3)
    assert (table["x"].tolist(), outcome.tolist()) == ([1, 5, 9], [1, 5, 9])


def test_suspicion_does_not_depend_on_chance() -> None:
    columns = {"x": NOISE + 9 * LATE}
    once, again = (list(lone_predictors(columns, LATE, Task.BINARY)) for _ in range(2))
    assert once == again != []
    assert isinstance(once[0], Suspect)


@pytest.mark.parametrize(
    ("query", "target", "task", "leaks"),
    [
        ("ai4i2020/ai4i2020.csv", "Machine failure", Task.BINARY, ["TWF", "HDF", "PWF", "OSF"]),
        ("bike_sharing/hour.csv", "cnt", Task.REGRESSION, ["casual", "registered"]),
        ("uci_credit_default/UCI_Credit_Card.csv.gz", "Y", Task.BINARY, []),
    ],
)
def test_the_leaks_of_public_data_are_found(query: str, target: str, task: Task, leaks: list[str]) -> None:
    path = DATA / query
    if not path.exists():
        pytest.skip(f"{path} is not there")
    with duckdb.connect() as database:
        fetched = database.execute("FROM read_csv(?)", [str(path)]).fetchnumpy()
    columns = {name: np.ma.filled(values) for name, values in fetched.items() if values.dtype.kind in "OUfi"}
    assert list(suspected(columns, columns.pop(target), task)) == leaks
