"""A random expression over random rows has the same value in DuckDB and in onnxruntime."""

from collections.abc import Iterator

import onnx
import pytest

from everloop.features.compile import compile_features
from everloop.features.expression import Call, Node
from everloop.features.operators import OPERATORS
from tests.unit.features.engines import define
from tests.unit.features.random_sql import RandomSql

FEATURES = 50
ROWS = 100
SEEDS = range(5)  # 5 × 50 × 100 = 25,000 values; benchmarks/features.py compares a million


@pytest.mark.parametrize("seed", SEEDS)
def test_random_features_have_the_same_value_in_both_engines(engines, seed):
    source = RandomSql(seed)
    features = source.features(FEATURES)
    rows = source.rows(ROWS)
    answers = engines(features, rows)
    different = [(features.get(name), rows[row], *values) for name, row, *values in answers.differences()]
    assert not different, f"{len(different)} differences, the first: {different[0]}"
    assert answers.filled(features) > FEATURES * ROWS / 2  # null everywhere would be the same everywhere


def test_the_random_features_use_every_operator():
    used = {
        operator
        for seed in SEEDS
        for node in compile_features(define(RandomSql(seed).features(FEATURES))).expressions.values()
        for operator in operators_of(node)
    }
    assert used == {operator.name for operator in OPERATORS.values()}


def test_every_operator_is_valid_onnx():
    model = compile_features(define(RandomSql(0).features(FEATURES))).to_onnx()
    onnx.checker.check_model(model, full_check=True)


def operators_of(node: Node) -> Iterator[str]:
    if isinstance(node, Call):
        yield node.operator.name
        for argument in node.arguments:
            yield from operators_of(argument)


@pytest.mark.parametrize("rows_at_once", [1, 7])
def test_the_size_of_a_request_does_not_change_an_answer(engines, rows_at_once):
    source = RandomSql(99)
    answers = engines(source.features(20), source.rows(50), rows_at_once=rows_at_once)
    assert list(answers.differences()) == []
