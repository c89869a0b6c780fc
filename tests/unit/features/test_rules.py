"""Rules: one graph of conditions that agrees with DuckDB, and what cannot be one is said where it stands."""

import re
from typing import Any

import numpy as np
import onnx
import pytest

from everloop.contracts.columns import ColumnType
from everloop.contracts.definition import Definition
from everloop.errors import DefinitionError
from everloop.features.check import check_expressions
from everloop.features.compile import CompiledFeatures
from everloop.features.execute import read_raw_columns
from everloop.features.expression import columns_of
from everloop.features.rules import compile_rules, read_rules
from everloop.inference.rules import Rules
from tests.samples import pump_failure
from tests.unit.features.engines import Engines, Row, define
from tests.unit.features.random_sql import RandomSql

NULLS: Row = (None,) * 7
ROW: Row = (None, 1.0, 2.0, 3, True, "x", "y")


def with_rules(*conditions: str, features: dict[str, str] | None = None, **columns: str) -> Definition:
    raw = define(features or {}, **columns).model_dump(mode="json", exclude_defaults=True)
    rules = [{"name": f"r{place}", "when": when, "answer": 0.5} for place, when in enumerate(conditions)]
    return Definition.model_validate(raw | {"serving": {"rules": rules}})


def in_duckdb(engines: Engines, definition: Definition) -> Any:
    """[N, rules]: a condition that is null is not met."""
    met = [
        f"coalesce({condition.to_duckdb()}, FALSE) AS r{place}"
        for place, condition in enumerate(read_rules(definition))
    ]
    found = engines.connection.execute(f"SELECT {', '.join(met)} FROM rows_in").fetchnumpy()
    return np.stack([np.asarray(values, bool) for values in found.values()], axis=1)


def raw_columns(engines: Engines, definition: Definition) -> dict[str, Any]:
    served = {name: column.type for name, column in definition.served_columns.items()}
    return read_raw_columns(engines.connection, "rows_in", CompiledFeatures(served, {}))


def first_of(definition: Definition, columns: dict[str, Any]) -> list[int]:
    graph = compile_rules(definition)
    assert graph is not None
    return Rules(graph, definition).first_matching(columns).tolist()


@pytest.mark.parametrize("seed", range(3))
def test_random_rules_are_met_by_the_same_rows_in_both_engines(engines: Engines, seed: int) -> None:
    source = RandomSql(seed)
    # Each reads a column, also where all the rest of it is constant, and may be null.
    conditions = [f"({source.boolean(3)}) AND coalesce(flag, s IS NULL, TRUE)" for _ in range(40)]
    conditions += [f"({source.boolean(3)}) OR nullif(flag, flag)" for _ in range(10)]
    engines.fill([*source.rows(200), NULLS])
    definition = with_rules(*conditions)
    columns = raw_columns(engines, definition)
    expected = in_duckdb(engines, definition)
    for place, condition in enumerate(conditions):
        met = np.array(first_of(with_rules(condition), columns)) == 0
        different = np.flatnonzero(met != expected[:, place])
        assert not len(different), (condition, different)
    first = np.where(expected.any(axis=1), expected.argmax(axis=1), -1)
    assert first_of(definition, columns) == first.tolist()
    assert 0 < expected.mean() < 1


def test_the_first_of_several_rules_answers_and_a_null_condition_is_not_met(engines: Engines) -> None:
    engines.fill([ROW, (None, 10.0, *ROW[2:]), (None, 100.0, *ROW[2:]), NULLS])
    definition = with_rules("a > 50", "a > 5", "NOT (a > 5) AND s = 'x'", "s = 'never'")
    assert first_of(definition, raw_columns(engines, definition)) == [2, 1, 0, -1]


def test_a_rule_may_use_features_history_and_columns_nothing_learns_from() -> None:
    sections: dict[str, Any] = {
        "history": {"starts_before": {"value": "sum(starts)", "by": "pump", "over": "1 day"}},
        "features": {"strain": "pressure * starts_before", "is_strained": "strain > 100"},
        "serving": {
            "rules": [
                {"name": "test-bench", "when": "pump = 'P-0'", "answer": 0},
                {"name": "strained", "when": "is_strained AND strain < 1000", "answer": 1},
            ]
        },
    }
    definition = pump_failure(**sections)
    check_expressions(definition)
    assert set().union(*map(columns_of, read_rules(definition))) == {"pump", "pressure", "starts_before"}
    columns = {
        "pump": np.array([["P-0"], ["P-7"], ["P-7"], [""]], object),
        "pressure": np.array([[1.0], [10.0], [1.0], [np.nan]]),
        "starts_before": np.array([[0.0], [20.0], [20.0], [20.0]]),
    }
    assert first_of(definition, columns) == [0, 1, -1, -1]


def test_the_graph_takes_only_what_some_rule_reads_and_is_the_same_each_time() -> None:
    definition = with_rules("used > 2", "t LIKE 'a%'", features={"used": "a + 1", "unused": "b + 1"})
    graph = compile_rules(definition)
    assert graph is not None
    assert graph == compile_rules(Definition.model_validate_json(definition.model_dump_json()))
    model = onnx.load_from_string(graph)
    onnx.checker.check_model(model, full_check=True)
    assert [each.name for each in model.graph.input] == ["a", "t"]
    [output] = model.graph.output
    assert output.name == "rules"
    assert output.type.tensor_type.elem_type == onnx.TensorProto.BOOL


def test_without_rules_there_is_no_graph() -> None:
    assert compile_rules(define({"f": "a + 1"})) is None


@pytest.mark.parametrize(
    ("when", "expected"),
    [
        ("a + 1", "expected a condition, got a number"),
        ("s", "expected a condition, got a text"),
        ("1 < 2", "reads no column, so it would be the same for every row"),
        ("NULL", "is always NULL"),
        ("a > 1 AND", "not a SQL expression"),
        ("select > 1", "not a SQL expression"),
        ("aa > 1", "at character 1, 'aa > 1': unknown column 'aa'; did you mean 'a'?"),
        ("late", "column 'late' is the target or a row id, which no prediction request carries"),
        ("id = 3", "at character 1, 'id = 3': column 'id' is the target or a row id"),
        ("trim(s) = 'x'", "'trim' cannot be compiled for serving"),
        ("sum(a) > 1", "'sum' cannot be compiled for serving"),
        ("s > 'a'", ">: expected number or timestamp, got text"),
        ("rules > 1", "reads a column called 'rules', the name of what the rules answer; choose another name"),
    ],
)
def test_what_is_no_rule_is_refused_where_it_stands(when: str, expected: str) -> None:
    definition = with_rules("flag", when, rules="number")
    with pytest.raises(DefinitionError, match=re.escape(expected)) as refused:
        check_expressions(definition)
    assert str(refused.value).startswith("serving.rules[1] (r1): ")
    with pytest.raises(DefinitionError, match=re.escape(expected)):
        compile_rules(definition)


def test_every_wrong_rule_has_a_line_and_a_broken_feature_its_own() -> None:
    definition = with_rules("f > 1", "a", "zz", features={"f": "zzz + 1"})
    with pytest.raises(DefinitionError) as refused:
        compile_rules(definition)
    places = [line.partition(": ")[0] for line in str(refused.value).splitlines()]
    assert places == ["features.f", "serving.rules[1] (r1)", "serving.rules[2] (r2)"]


def test_a_rule_reads_each_type_as_requests_give_it() -> None:
    assert {column.type for column in define({}).served_columns.values()} == set(ColumnType)
    definition = with_rules("at >= TIMESTAMP '2024-01-01 00:00:00'", "n = 3", "flag", "t IS NULL AND s = 'x'")
    columns: dict[str, Any] = {
        "at": np.array([[1704067200.0], [np.nan], [np.nan], [np.nan]]),
        "n": np.array([[3.0], [3.0], [np.nan], [np.nan]]),
        "flag": np.array([[1.0], [1.0], [1.0], [0.0]]),
        "s": np.array([["x"]] * 4, object),
        "t": np.array([[""]] * 4, object),
    }
    assert first_of(definition, columns) == [0, 1, 2, 3]
