"""What may be in a feature, what it means, and what is said of anything else."""

from datetime import datetime

import numpy as np
import onnx
import pytest

from everloop.contracts.definition import Definition
from everloop.errors import DefinitionError
from everloop.features.compile import check_features, compile_features
from everloop.features.execute import read_model_inputs, read_raw_columns
from everloop.features.operators import OPERATORS

EMPTY = (None,) * 7


def row(**cells):
    return tuple(cells.get(name) for name in ("at", "a", "b", "n", "flag", "s", "t"))


def value_of(engines, sql, cells):
    """The feature's value, after both engines agreed on it."""
    answers = engines({"feature": sql}, [cells])
    compiled = answers.compiled
    if "feature" in compiled.texts:
        index = compiled.texts.index("feature")
        assert answers.duckdb.texts[0, index] == answers.onnx.texts[0, index]
        return answers.onnx.texts[0, index]
    index = compiled.numbers.index("feature")
    np.testing.assert_array_equal(answers.duckdb.numbers[0, index], answers.onnx.numbers[0, index])
    return None if np.isnan(answers.onnx.numbers[0, index]) else float(answers.onnx.numbers[0, index])


@pytest.mark.parametrize(
    ("sql", "cells", "expected"),
    [
        ("a / b", {"a": 1.0, "b": 4.0}, 0.25),
        ("a / b", {"a": 1.0, "b": 0.0}, None),
        ("a / b", {"a": 0.0, "b": 0.0}, None),
        ("n / 2", {"n": 5}, 2.5),
        ("1 / (1 / a)", {"a": 0.0}, None),
        ("ln(a)", {"a": 0.0}, None),
        ("ln(a)", {"a": -1.0}, None),
        ("sqrt(a)", {"a": -1.0}, None),
        ("exp(a)", {"a": 1000.0}, None),
        ("exp(-1 / a)", {"a": 0.0}, None),
        ("coalesce(a / b, 7)", {"a": 1.0, "b": 0.0}, 7),
        ("(a / b) IS NULL", {"a": 1.0, "b": 0.0}, 1),
        ("a * 1e30", {"a": 1e30}, None),  # float32 cannot hold it
        ("a * 1e30 > 1", {"a": 1e30}, 1),
        ("a + 1e-50 > 0", {"a": 0.0}, 1),
        ("a * 1.00000001 > a", {"a": 1.0}, 1),
        ("(1 / a) * b = b / a", {"a": 49.0, "b": 5.0}, 0),  # two roundings are not one
        ("a", {"a": float("inf")}, None),
        ("flag AND a > 0", {"flag": False}, 0),
        ("flag AND a > 0", {"flag": True}, None),
        ("flag OR a > 0", {"flag": True}, 1),
        ("flag OR a > 0", {"flag": False}, None),
        ("NOT flag", {}, None),
        ("a IN (1, 2)", {"a": 2.0}, 1),
        ("a IN (1, 2)", {}, None),
        ("a IN (1, NULL)", {"a": 2.0}, None),
        ("a NOT IN (1, NULL)", {"a": 1.0}, 0),
        ("s IN ('x', '')", {"s": "y"}, None),
        ("a BETWEEN 1 AND b", {"a": 0.0}, 0),
        ("a != b", {"a": 0.0, "b": -0.0}, 0),
        ("greatest(a, b)", {"b": 3.0}, 3),
        ("least(a, b)", {}, None),
        ("s = t", {"s": "", "t": ""}, None),
        ("s IS NULL", {"s": ""}, 1),
        ("s <> 'it''s'", {"s": "it's"}, 0),
        ("coalesce(nullif(s, 'x'), t)", {"s": "x", "t": "日本"}, "日本"),
        ("CASE WHEN a > 1 THEN 'big' WHEN flag THEN s END", {"flag": None, "s": "x"}, ""),
        ("CASE n WHEN 1 THEN 10 WHEN 2 THEN 20 ELSE 0 END", {"n": 2}, 20),
        ("IF(flag, 1, 2)", {}, 2),
        ("at > TIMESTAMP '2024-02-29 12:00:00'", {"at": datetime(2024, 2, 29, 12, 0, 0, 1)}, 1),
        ("at = TIMESTAMP '2024-02-29 12:00:00+02:00'", {"at": datetime(2024, 2, 29, 10)}, 1),
        ("EXTRACT(hour FROM at)", {"at": datetime(1969, 12, 31, 23, 59, 59, 999_999)}, 23),
        ("dayofweek(at)", {"at": datetime(2024, 2, 25)}, 0),
        ("dayofyear(at)", {"at": datetime(2100, 12, 31)}, 365),
        ("epoch(at)", {"at": datetime(1970, 1, 2)}, 86_400),
        ("hour(at)", {}, None),
    ],
)
def test_both_engines_follow_the_rules(engines, sql, cells, expected):
    assert value_of(engines, sql, row(**cells)) == (None if expected is None else pytest.approx(expected))


def test_every_day_from_1900_to_2100_has_the_same_parts_in_both_engines(engines):
    parts = ["year", "month", "day", "dayofyear", "dayofweek", "hour", "minute"]
    days = """
        INSERT INTO rows_in ("at") SELECT d + INTERVAL '86399.999999 seconds'
        FROM generate_series(TIMESTAMP '1900-01-01', TIMESTAMP '2100-12-31', INTERVAL 1 DAY) AS days(d)
    """
    answers = engines({part: f"{part}(at)" for part in parts}, days)
    assert len(answers.onnx.numbers) == 73_414
    np.testing.assert_array_equal(answers.duckdb.numbers, answers.onnx.numbers)
    assert answers.onnx.numbers[-1].tolist()[-7:] == [2100, 12, 31, 365, 5, 23, 59]


def test_each_operator_of_the_table_has_a_name_of_its_own():
    assert len({operator.name for operator in OPERATORS.values()}) == len(OPERATORS) >= 35


@pytest.mark.parametrize(
    ("sql", "says"),
    [
        ("log(a)", "at character 1, 'log(a)': 'log' cannot be compiled for serving; write ln(x)"),
        ("a + hours(at)", "at character 5"),
        ("hours(at)", "did you mean hour?"),
        ("read_csv('/etc/passwd') = a", "'read_csv' cannot be compiled"),
        ("a; DROP TABLE x", "'block' cannot be compiled"),
        ("a + (SELECT 1)", "'subquery' cannot be compiled"),
        ("a IN (SELECT 1)", "IN takes a list of values"),
        ("sum(a) OVER ()", "'window' cannot be compiled"),
        ("hour(a)", "hour: expected timestamp, got number"),
        ("a + s", "+: expected number, got text"),
        ("s < t", "<: expected number or timestamp, got text"),
        ("at > '2024'", "a timestamp is written TIMESTAMP '2024"),
        ("CASE WHEN a THEN 1 END", "CASE: expected boolean, got number"),
        ("floor(a, 2)", "floor cannot take 'decimals' here"),
        ("late", "is the target or a row id"),
        ("flagg", "unknown column 'flagg'; did you mean 'flag'?"),
        ("rows_in.a", "without a table"),
        ("a +", "not a SQL expression (character 3)"),
        ("'abc", "a quote or a comment is not closed"),
        ("", "not a SQL expression"),
        ("1 + 1", "reads no column"),
        ("at", "is a timestamp"),
        ("NULL", "is always NULL"),
        ("coalesce(NULL, NULL) = a", "every value here is NULL"),
        ("a::int", "'cast' cannot be compiled"),
        ("TIMESTAMP '2024-13-01' < at", "got '2024-13-01'"),
        ("a + 1e999", "a number is finite"),
        ("a IS TRUE", "only IS NULL"),
        ("(" * 500 + "a" + ")" * 500, "nested too deep"),
        ("a IN (" + ",".join(map(str, range(600))) + ")", "more than 500 operations"),
    ],
)
def test_what_is_not_in_the_table_is_refused_with_the_nearest_that_works(definition, sql, says):
    with pytest.raises(DefinitionError) as error:
        check_features(definition({"feature": sql}))
    assert str(error.value).startswith("features.feature: ")
    assert says in str(error.value)


def test_every_wrong_feature_is_named_in_one_error(definition):
    with pytest.raises(DefinitionError) as error:
        check_features(definition({"one": "aa", "two": "bb", "three": "one + 1", "four": "a"}))
    assert [line.split(":")[0] for line in str(error.value).splitlines()] == ["features.one", "features.two"]


def test_a_circle_of_features_is_shown(definition):
    with pytest.raises(DefinitionError, match="features go in a circle: x -> y -> z -> x"):
        check_features(definition({"x": "y + 1", "y": "z", "z": "abs(x)"}))


def test_features_use_one_another_in_any_order(engines):
    answers = engines({"feature": "doubled + 1", "doubled": "a * 2"}, [row(a=2.0)])
    assert answers.onnx.numbers[0].tolist()[-2:] == [5, 4]
    assert answers.duckdb.numbers[0].tolist()[-2:] == [5, 4]


def test_features_that_double_one_another_stop_at_a_size(definition):
    chain = {"f0": "a"} | {f"f{i}": f"f{i - 1} + f{i - 1}" for i in range(1, 12)}
    with pytest.raises(DefinitionError, match="more than 500 operations"):
        check_features(definition(chain))


def test_a_long_sum_runs_in_both_engines(engines):
    assert value_of(engines, " + ".join(["a"] * 150), row(a=1.0)) == 150


def test_raw_columns_are_those_of_the_model_and_of_the_features(definition):
    compiled = compile_features(definition({"night": "hour(at) < 6", "who": "coalesce(t, s)"}))
    assert list(compiled.raw_columns) == ["at", "a", "b", "n", "flag", "s", "t"]
    assert compiled.numbers == ("a", "b", "n", "flag", "night")
    assert compiled.texts == ("s", "who")
    assert list(compile_features(definition({"x": "a"})).raw_columns) == ["a", "b", "n", "flag", "s"]


def test_the_graph_is_valid_onnx_that_says_what_it_takes_and_gives(definition):
    model = compile_features(definition({"night": "hour(at) < 6"})).to_onnx()
    onnx.checker.check_model(model, full_check=True)
    assert [opset.version for opset in model.opset_import] == [21]
    double, string = onnx.TensorProto.DOUBLE, onnx.TensorProto.STRING
    types = {value.name: value.type.tensor_type.elem_type for value in model.graph.input}
    assert types == {"at": double, "a": double, "b": double, "n": double, "flag": double, "s": string}
    assert [value.name for value in model.graph.output] == ["numbers", "texts"]


def test_compiling_twice_gives_the_same_bytes(definition):
    features = {"night": "hour(at) < 6 AND s IN ('x', 'y')", "ratio": "a / b"}
    first, second = (compile_features(definition(features)).to_onnx() for _ in range(2))
    assert first.SerializeToString(deterministic=True) == second.SerializeToString(deterministic=True)


def test_a_column_may_not_take_the_name_of_the_graphs_output(definition):
    with pytest.raises(DefinitionError, match=r"columns\.numbers: the name is taken"):
        compile_features(definition({}, numbers="number"))


def test_the_time_zone_of_the_session_does_not_matter(engines, definition):
    compiled = compile_features(definition({"h": "hour(at)"}))
    engines.fill([row(at=datetime(2024, 1, 1, 5))])
    connection = engines.connection.cursor()
    connection.execute("SET TimeZone = 'Asia/Tokyo'")
    connection.execute(
        'CREATE OR REPLACE TEMP VIEW zoned AS SELECT * REPLACE ("at" AT TIME ZONE \'UTC\' AS "at") FROM rows_in'
    )
    assert read_model_inputs(connection, "zoned", compiled).numbers[0, -1] == 5
    assert read_raw_columns(connection, "zoned", compiled)["at"][0, 0] == 1704085200


def test_names_and_texts_are_quoted_in_the_sql(engines):
    definition = Definition.model_validate(
        {
            "name": "example",
            "task": "regression",
            "data": {"target": "y"},
            "columns": {"y": "number", 'odd "name"; --': "number", "Kind": "category"},
            "features": {"same": '"odd ""name""; --" + 1', "hit": "\"Kind\" = 'a''b'"},
        }
    )
    compiled = compile_features(definition)
    engines.connection.execute('CREATE OR REPLACE TABLE "odd""s" ("odd ""name""; --" DOUBLE, kind VARCHAR)')
    engines.connection.execute("""INSERT INTO "odd""s" VALUES (1, 'a''b')""")
    inputs = read_model_inputs(engines.connection, 'odd"s', compiled)
    assert inputs.numbers.tolist() == [[1, 2, 1]]
    assert inputs.texts.tolist() == [["a'b"]]


def test_an_empty_table_gives_empty_arrays_of_the_right_width(engines, definition):
    compiled = compile_features(definition({"h": "hour(at)"}))
    engines.fill([EMPTY])
    engines.connection.execute("DELETE FROM rows_in")
    inputs = read_model_inputs(engines.connection, "rows_in", compiled)
    assert inputs.numbers.shape == (0, 5)
    assert inputs.texts.shape == (0, 1)
    assert {array.shape for array in read_raw_columns(engines.connection, "rows_in", compiled).values()} == {(0, 1)}
