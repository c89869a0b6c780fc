"""What may be in a feature, what it means, and what is said of anything else."""

from datetime import datetime

import numpy as np
import onnx
import onnxruntime
import pytest

from everloop.contracts.definition import Definition
from everloop.errors import DefinitionError
from everloop.features.check import check_expressions
from everloop.features.compile import compile_features
from everloop.features.execute import read_model_inputs, read_raw_columns
from everloop.features.graph import output_of
from everloop.features.operators import OPERATORS, WITHOUT_ONNX

EMPTY = (None,) * 7
UNITS = ["second", "minute", "hour", "day", "month", "quarter", "year"]


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
        ("second(at)", {"at": datetime(1969, 12, 31, 23, 59, 59, 999_999)}, 59),
        ("quarter(at)", {"at": datetime(2024, 9, 30)}, 3),
        ("week(at)", {"at": datetime(2024, 12, 30)}, 1),
        ("isodow(at)", {"at": datetime(2024, 2, 25)}, 7),
        ("weekday(at)", {"at": datetime(2024, 2, 25)}, 0),
        ("date_part('month', at)", {"at": datetime(2024, 2, 25)}, 2),
        ("CAST(at AS DATE) = DATE '1969-12-31'", {"at": datetime(1969, 12, 31, 23, 59)}, 1),
        ("date_diff('day', at, TIMESTAMP '2024-03-01')", {"at": datetime(2024, 2, 28, 23, 59)}, 2),
        ("date_diff('month', at, TIMESTAMP '1970-01-01')", {"at": datetime(1969, 11, 30)}, 2),
        ("epoch(TIMESTAMP '2024-03-01') - epoch(at)", {"at": datetime(2024, 2, 29, 12, 0, 0, 500_000)}, 43_199.5),
        ("a // b", {"a": -7.0, "b": 2.0}, -3),
        ("n // 2", {"n": 7}, 3),
        ("a // b", {"a": 1.0, "b": 0.0}, None),
        ("a % b", {"a": -7.5, "b": 2.0}, -1.5),
        ("mod(a, b)", {"a": 7.0, "b": -3.0}, 1),
        ("a % b", {"a": 7.0, "b": 0.0}, None),
        ("round(a)", {"a": 2.5}, 3),
        ("round(a)", {"a": -2.5}, -3),
        ("round(a)", {"a": 0.49999999999999994}, 0),
        ("round(a) = 4503599627370497", {"a": 2.0**52 + 1}, 1),
        ("trunc(a)", {"a": -2.7}, -2),
        ("sign(a)", {"a": -2.7}, -1),
        ("sign(a)", {"a": -0.0}, 0),
        ("sign(a)", {}, None),
        ("log(a) = 3", {"a": 1000.0}, 1),
        ("log2(a) = 10", {"a": 1024.0}, 1),
        ("log(b, a)", {"a": 8.0, "b": 2.0}, 3),
        ("log(b, a)", {"a": 8.0, "b": 1.0}, None),
        ("log10(a)", {"a": 0.0}, None),
        ("power(a, b)", {"a": 2.0, "b": 10.0}, 1024),
        ("power(a, b)", {"a": -8.0, "b": 1 / 3}, None),
        ("power(a, b)", {"a": 0.0, "b": -1.0}, None),
        ("power(a, 0)", {}, None),
        ("power(1, a)", {}, None),
        ("a ^ 2", {"a": -3.0}, 9),
        ("a ** 3", {"a": -3.0}, -27),
        ("CAST(a AS INTEGER)", {"a": 2.5}, 2),
        ("a::BIGINT", {"a": -3.5}, -4),
        ("CAST(a AS TINYINT)", {"a": 127.5}, None),
        ("CAST(a AS TINYINT)", {"a": -128.5}, -128),
        ("CAST(a AS BIGINT)", {"a": 2.0**63}, None),
        ("CAST(a AS BIGINT)", {"a": -(2.0**63)}, -(2.0**63)),
        ("CAST(flag AS INTEGER) + 1", {"flag": True}, 2),
        ("CAST(a AS BOOLEAN)", {"a": 0.3}, 1),
        ("CAST(a AS BOOLEAN)", {}, None),
        ("CAST(n AS DOUBLE) / 2", {"n": 5}, 2.5),
        ("TRY_CAST(a AS INTEGER)", {"a": 1e300}, None),
        ("s LIKE 'a%'", {"s": "a\nb"}, 1),
        ("s LIKE 'a_b'", {"s": "a\nb"}, 1),
        ("s LIKE '_'", {"s": "🦆"}, 1),
        ("s LIKE '_'", {"s": "e\u0301"}, 0),
        ("s LIKE '%'", {"s": ""}, None),
        ("s LIKE '100\\%'", {"s": "100\\x"}, 1),  # no escape unless one is declared
        ("s LIKE '100!%' ESCAPE '!'", {"s": "100%"}, 1),
        ("s LIKE '100!%' ESCAPE '!'", {"s": "1000"}, 0),
        ("s LIKE '(.*)[a]+?'", {"s": "x"}, 0),
        ("s NOT LIKE 'a%'", {"s": "a"}, 0),
        ("s NOT LIKE 'a%'", {}, None),
        ("s NOT LIKE 'a!%' ESCAPE '!'", {"s": "a%"}, 0),
        ("s ILIKE 'aB%'", {"s": "Abc"}, 1),
        ("s ILIKE 'é'", {"s": "É"}, 0),
        ("s ILIKE 'k'", {"s": "\u212a"}, 0),  # the Kelvin sign
        ("s NOT ILIKE 'x'", {"s": "X"}, 0),
        ("starts_with(s, 'a%')", {"s": "a%b"}, 1),
        ("starts_with(s, 'a%')", {"s": "ab"}, 0),
        ("contains(s, '_')", {"s": "a_b"}, 1),
        ("suffix(s, 'b')", {"s": "ab"}, 1),
        ("s || '-' || t", {"s": "a", "t": "b"}, "a-b"),
        ("s || t", {"s": "a"}, ""),
        ("concat(s, t, '!')", {"s": "a"}, "a!"),
        ("concat(s, t) IS NULL", {}, 1),
        ("lower(s)", {"s": "ABC ÉIİß"}, "abc Éiİß"),
        ("upper(s)", {"s": "abc éßǆ"}, "ABC éßǆ"),
        ("upper(s) IS NULL", {}, 1),
    ],
)
def test_both_engines_follow_the_rules(engines, sql, cells, expected):
    assert value_of(engines, sql, row(**cells)) == (None if expected is None else pytest.approx(expected))


def test_every_day_from_1900_to_2100_has_the_same_parts_in_both_engines(engines):
    parts = ["year", "quarter", "month", "week", "day", "dayofyear", "isodow", "dayofweek", "hour", "minute", "second"]
    days = """
        INSERT INTO rows_in ("at") SELECT d + INTERVAL '86399.999999 seconds'
        FROM generate_series(TIMESTAMP '1900-01-01', TIMESTAMP '2100-12-31', INTERVAL 1 DAY) AS days(d)
    """
    since = {f"{unit}s": f"date_diff('{unit}', at, TIMESTAMP '2000-02-29 12:34:56')" for unit in UNITS}
    answers = engines({**since, **{part: f"{part}(at)" for part in parts}}, days)
    assert len(answers.onnx.numbers) == 73_414
    np.testing.assert_array_equal(answers.duckdb.numbers, answers.onnx.numbers)
    assert answers.onnx.numbers[-1].tolist()[-11:] == [2100, 4, 12, 52, 31, 365, 5, 5, 23, 59, 59]


@pytest.mark.parametrize(
    "sql",
    [
        "-a ^ 2",
        "a ^ 2 ^ 3",
        "a * -b ** 2",
        "a % 3 * 2",
        "-a % 3",
        "a - b - n",
        "1 / a * b",
        "-a::INTEGER",
        "1 - a::INTEGER ^ 2",
        "2 ^ -b",
        "round(-a)",
        "round(a)::BIGINT % 2",
        "sign(a) * trunc(b)",
        "power(b, n)",
        "log(b, a)",
        "mod(a, n)",
        "NOT a > 1 AND b > 1",
        "flag OR a > 1 AND NOT flag",
        "NOT flag IS NULL",
        "a = b IS NULL",
        "a BETWEEN 1 AND 2 AND flag",
        "NOT b BETWEEN a AND n",
        "a IN (1, 2) = flag",
        "s LIKE 'a%' = flag",
        "NOT s LIKE 'a%' OR flag",
        "s || 'x' LIKE 'a%'",
        "s NOT LIKE '%!%%' ESCAPE '!'",
        "concat(s, 'x') = 'abx'",
        "CASE n WHEN 2 THEN a END",
        "date_diff('month', TIMESTAMP '2000-02-29', \"at\")",
        "epoch(\"at\") - epoch(TIMESTAMP '2000-02-29')",
    ],
)
def test_a_feature_means_what_duckdb_itself_makes_of_the_words(engines, sql):
    rows = [
        row(at=datetime(1950, 6, 5, 4, 3, 2, 1), a=3.0, b=2.0, n=2, flag=True, s="ab"),
        row(at=datetime(2024, 1, 31), a=-7.5, b=0.5, n=3, flag=False, s="a"),
        row(a=1.5, b=-2.0, n=-3),
        row(b=1.0, n=1, flag=True, s="b"),
        row(a=2.5, b=3.0, n=4, flag=False, s="x%y"),
    ]
    answers = engines({"feature": sql}, rows)
    raw = engines.connection.execute(f"SELECT CAST({sql} AS DOUBLE) FROM rows_in").fetchnumpy()
    (said,) = (np.ma.filled(values, np.nan) for values in raw.values())
    got = answers.duckdb.numbers[:, answers.compiled.numbers.index("feature")]
    np.testing.assert_allclose(got, np.where(np.isfinite(said), said, np.nan), rtol=1e-6)
    assert list(answers.differences()) == []


@pytest.mark.parametrize("sql", ["a // 1.00000001", "a % 1.00000001", "power(a, 1.00000001)", "log(1.00000001, a)"])
def test_a_constant_that_is_almost_one_is_not_taken_for_one(engines, sql):
    answers = engines({"feature": sql}, [row(a=value) for value in (1.0, -1.0, 3.0, 1e300)])
    assert list(answers.differences()) == []


@pytest.mark.parametrize(
    ("name", "sql"),
    [
        ("trim", "trim(s)"),
        ("length", "length(s)"),
        ("substring", "substr(s, 1, 2)"),
        ("left", "left(s, 2)"),
        ("right", "right(s, 2)"),
        ("str_position", "instr(s, 'a')"),
        ("replace", "replace(s, 'a', 'b')"),
        ("reverse", "reverse(s)"),
        ("strip_accents", "strip_accents(s)"),
        ("pad", "lpad(s, 3, ' ')"),
        ("regexp_replace", "regexp_replace(s, 'a', 'b')"),
        ("regexp_extract", "regexp_extract(s, 'a')"),
        ("split_part", "split_part(s, ',', 1)"),
        ("levenshtein", "levenshtein(s, t)"),
        ("bitwise_and", "a & 1"),
        ("bitwise_or", "a | 1"),
        ("bitwise_xor", "xor(a, 1)"),
    ],
)
def test_what_onnx_has_no_operator_for_is_refused_for_that_reason(definition, name, sql):
    with pytest.raises(DefinitionError) as error:
        check_expressions(definition({"feature": sql}))
    said = f"{name!r} cannot be compiled for serving, because ONNX has no operator for it; near: {WITHOUT_ONNX[name]}"
    assert said in str(error.value)


def test_each_operator_of_the_table_has_a_name_of_its_own():
    assert len({operator.name for operator in OPERATORS.values()}) == len(OPERATORS) >= 35


@pytest.mark.parametrize(
    ("sql", "says"),
    [
        ("tan(a)", "at character 1, 'tan(a)': 'tan' cannot be compiled for serving; write sin(x) / cos(x)"),
        ("a + hours(at)", "at character 5"),
        ("hours(at)", "did you mean hour?"),
        ("read_csv('/etc/passwd') = a", "'read_csv' cannot be compiled"),
        ("a; DROP TABLE x", "'block' cannot be compiled"),
        ("epoch(at) - epoch(now())", "'now' cannot be compiled for serving; write a column of the request"),
        ("max(a)", "write greatest(x, y), or an entry of [history]"),
        ("a BETWEEN SYMMETRIC 1 AND 2", "BETWEEN cannot take 'symmetric' here; write the smaller end first"),
        ("a::interval day", "'cast' to INTERVAL DAY cannot be compiled"),
        ("a + (SELECT 1)", "'subquery' cannot be compiled"),
        ("a IN (SELECT 1)", "IN takes a list of values"),
        ("sum(a) OVER ()", "'window' cannot be compiled"),
        ("hour(a)", "hour: expected timestamp, got number"),
        ("a + s", "+: expected number, got text"),
        ("s < t", "<: expected number or timestamp, got text"),
        ("at > '2024'", "a timestamp is written TIMESTAMP '2024"),
        ("CASE WHEN a THEN 1 END", "CASE: expected boolean, got number"),
        ("floor(a, 2)", "floor cannot take 'decimals' here"),
        ("round(a, 2)", "round cannot take 'decimals' here; write round(x * 100) / 100"),
        ("at - TIMESTAMP '2024-01-31'", "between timestamps write epoch(a) - epoch(b) or date_diff('day', a, b)"),
        ("at + INTERVAL 1 DAY", "'interval' cannot be compiled for serving; write epoch(t) + 86400"),
        ("date_diff('week', at, at)", "date_diff: expected one of 'second', 'minute', 'hour', 'day'"),
        ("date_diff(s, at, at)", "date_diff: expected one of"),
        ("date_part('century', at)", "known parts are epoch, second, minute"),
        ("date_part(s, at)", "'date_part' cannot be compiled"),
        ("length(trim(s)) > 3", "'length' cannot be compiled for serving, because ONNX has no operator for it"),
        ("trim(s)", "at character 1, 'trim(s)': 'trim' cannot be compiled for serving, because ONNX has no operator"),
        ("substring(s, 1, 2)", "near: LIKE 'ab%'"),
        ("regexp_matches(s, 'a')", "write LIKE"),
        ("s LIKE t", "LIKE: expected a pattern in quotes"),
        ("s LIKE ''", "LIKE: an empty text is null; write IS NULL"),
        ("s LIKE 'a!' ESCAPE '!'", "the pattern ends with its escape character"),
        ("s LIKE 'a' ESCAPE '!!'", "expected one character after ESCAPE, got '!!'"),
        (f"s LIKE '{'_' * 201}'", "at most 200 characters, got 201"),
        ("s GLOB 'a*' ESCAPE 'b'", "ESCAPE belongs to LIKE and ILIKE"),
        ("contains(s, t)", "expected a text in quotes to look for"),
        ("a LIKE 'x'", "LIKE: expected text, got number"),
        ("a || s", "||: expected text, got number; ONNX does not write a number as SQL does"),
        ("CAST(s AS INTEGER)", "ONNX stops at a text that is no number, where SQL has null"),
        (
            "b + CAST(a AS VARCHAR)",
            "at character 5, 'CAST(a AS VARCHAR)': 'cast' to TEXT cannot be compiled for serving; numbers are float64",
        ),
        ("CAST(a AS DECIMAL(10, 2))", "'cast' to DECIMAL(10, 2) cannot be compiled"),
        ("CAST(a AS DATE)", "CAST AS DATE: expected timestamp, got number"),
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
        ("TIMESTAMP '2024-13-01' < at", "got '2024-13-01'"),
        ("a + 1e999", "a number is finite"),
        ("a IS TRUE", "only IS NULL"),
        ("(" * 500 + "a" + ")" * 500, "nested too deep"),
        ("a IN (" + ",".join(map(str, range(600))) + ")", "more than 500 operations"),
    ],
)
def test_what_is_not_in_the_table_is_refused_with_the_nearest_that_works(definition, sql, says):
    with pytest.raises(DefinitionError) as error:
        check_expressions(definition({"feature": sql}))
    assert str(error.value).startswith("features.feature: ")
    assert says in str(error.value)


def test_every_wrong_feature_is_named_in_one_error(definition):
    with pytest.raises(DefinitionError) as error:
        check_expressions(definition({"one": "aa", "two": "bb", "three": "one + 1", "four": "a"}))
    assert [line.split(":")[0] for line in str(error.value).splitlines()] == ["features.one", "features.two"]


def test_a_circle_of_features_is_shown(definition):
    with pytest.raises(DefinitionError, match="features go in a circle: x -> y -> z -> x"):
        check_expressions(definition({"x": "y + 1", "y": "z", "z": "abs(x)"}))


def test_features_use_one_another_in_any_order(engines):
    answers = engines({"feature": "doubled + 1", "doubled": "a * 2"}, [row(a=2.0)])
    assert answers.onnx.numbers[0].tolist()[-2:] == [5, 4]
    assert answers.duckdb.numbers[0].tolist()[-2:] == [5, 4]


def test_features_that_double_one_another_stop_at_a_size(definition):
    chain = {"f0": "a"} | {f"f{i}": f"f{i - 1} + f{i - 1}" for i in range(1, 12)}
    with pytest.raises(DefinitionError, match="more than 500 operations"):
        check_expressions(definition(chain))


def test_a_long_sum_runs_in_both_engines(engines):
    assert value_of(engines, " + ".join(["a"] * 150), row(a=1.0)) == 150


def test_raw_columns_are_those_of_the_model_and_of_the_features(definition):
    compiled = compile_features(definition({"night": "hour(at) < 6", "who": "coalesce(t, s)"}))
    assert list(compiled.raw_columns) == ["at", "a", "b", "n", "flag", "s", "t"]
    assert compiled.numbers == ("a", "b", "n", "flag", "night")
    assert compiled.texts == ("s", "t", "who")
    assert compiled.free_texts == ("t",), "a feature over a text is a category"
    assert list(compile_features(definition({"x": "a"})).raw_columns) == ["a", "b", "n", "flag", "s", "t"]


def test_the_graph_is_valid_onnx_that_says_what_it_takes_and_gives(definition):
    model = compile_features(definition({"night": "hour(at) < 6"})).to_onnx()
    onnx.checker.check_model(model, full_check=True)
    assert [opset.version for opset in model.opset_import] == [21]
    double, string = onnx.TensorProto.DOUBLE, onnx.TensorProto.STRING
    types = {value.name: value.type.tensor_type.elem_type for value in model.graph.input}
    assert types == {**dict.fromkeys(("at", "a", "b", "n", "flag"), double), "s": string, "t": string}
    assert [value.name for value in model.graph.output] == ["numbers", "texts"]


def test_compiling_twice_gives_the_same_bytes(definition):
    features = {"night": "hour(at) < 6 AND s IN ('x', 'y')", "ratio": "a / b"}
    first, second = (compile_features(definition(features)).to_onnx() for _ in range(2))
    assert first.SerializeToString(deterministic=True) == second.SerializeToString(deterministic=True)


def test_the_graph_holds_only_what_its_outputs_need(definition):
    graph = (
        compile_features(definition({"size": "CASE WHEN a < 1 THEN 0 WHEN a < 10 THEN 1 ELSE 2 END"})).to_onnx().graph
    )
    operators = sorted(node.op_type for node in graph.node)
    assert operators == sorted(
        [*["Less", "Where"] * 2, "Concat", "Cast", "Cast", "IsInf", "Where", "Identity", "Concat", "Identity"]
    )
    assert {constant.name for constant in graph.initializer} <= {name for node in graph.node for name in node.input}


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
    assert inputs.texts.shape == (0, 2)
    assert {array.shape for array in read_raw_columns(engines.connection, "rows_in", compiled).values()} == {(0, 1)}


def test_inputs_that_stand_apart_are_those_that_stand_together(engines, definition):
    compiled = compile_features(definition({"h": "hour(at)", "ratio": "a / b"}))
    engines.fill([row(a=1.5, b=4.0, n=3, s="x"), EMPTY])
    raw = read_raw_columns(engines.connection, "rows_in", compiled)
    together, apart = (
        onnxruntime.InferenceSession(compiled.to_onnx(apart=apart).SerializeToString()) for apart in (False, True)
    )
    names = [value.name for value in apart.get_outputs()]
    assert names == [output_of(name) for name in (*compiled.numbers, *compiled.texts)]
    numbers, texts = together.run(None, raw)
    single = apart.run(None, raw)
    np.testing.assert_array_equal(np.hstack(single[: len(compiled.numbers)]), numbers)
    np.testing.assert_array_equal(np.hstack(single[len(compiled.numbers) :]), texts)
