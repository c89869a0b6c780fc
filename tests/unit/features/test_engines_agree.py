"""A random expression over random rows has the same value in DuckDB and in onnxruntime."""

from datetime import datetime

import numpy as np
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

QUICK = settings(
    deadline=None,
    database=None,
    suppress_health_check=list(HealthCheck),
    phases=[Phase.explicit, Phase.generate],
)
FLOATS = [0.0, -0.0, 1.0, -1.0, 0.5, 2.5, -3.7, 1e308, -1e308, 5e-324, 1e-308, 3.5e38, 2.0**53, 1 / 3]
TEXTS = ["", "x", "y", "X", "é", "e\u0301", "日本", "it's", '"', " ", "🦆", "NULL", "a" * 40]
MOMENTS = [
    datetime(1900, 1, 1),
    datetime(1969, 12, 31, 23, 59, 59, 999_999),
    datetime(1970, 1, 1),
    datetime(2000, 2, 29, 12),
    datetime(2024, 2, 29, 23, 59, 59, 999_999),
    datetime(2023, 12, 31, 23, 59),
    datetime(2100, 2, 28, 1, 2, 3, 4),
    datetime(2100, 12, 31, 23, 59, 59, 999_999),
]


def maybe(values: st.SearchStrategy) -> st.SearchStrategy:
    return st.one_of(st.none(), values, values, values)


floats = maybe(st.sampled_from(FLOATS) | st.floats() | st.integers(-5, 5).map(float))
texts = maybe(st.sampled_from(TEXTS) | st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")))
moments = maybe(st.sampled_from(MOMENTS) | st.datetimes(datetime(1900, 1, 1), datetime(2100, 12, 31, 23, 59, 59)))
rows = st.lists(
    st.tuples(
        moments,
        floats,
        floats,
        maybe(st.integers(-(2**62), 2**62) | st.integers(-3, 3)),
        maybe(st.booleans()),
        texts,
        texts,
    ),
    min_size=15,
    max_size=15,
)


def quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def joined(template: str, *parts: st.SearchStrategy) -> st.SearchStrategy:
    return st.tuples(*parts).map(lambda chosen: template.format(*chosen))


NUMBER_LEAVES = st.sampled_from(
    ["a", "b", "n", "0", "1", "2", "0.1", "-1", "1e308", "1e-300", "1.00000001", "1", "3", "60"]
)
TEXT_LEAVES = st.sampled_from(["s", "t", *map(quoted, TEXTS)])
TIMES = st.sampled_from(["at", "at", "at", "TIMESTAMP '2024-02-29 12:30:00'", "DATE '1999-12-31'"])
PARTS = st.sampled_from(["hour", "minute", "dayofweek", "day", "month", "dayofyear", "year", "epoch"])
ORDERS = st.sampled_from(["<", "<=", ">", ">=", "=", "<>"])


def numbers(depth: int) -> st.SearchStrategy:
    if depth == 0:
        return NUMBER_LEAVES | joined("{}({})", PARTS, TIMES)
    number, boolean = numbers(depth - 1), booleans(depth - 1)
    return st.one_of(
        numbers(0),
        joined("({} {} {})", number, st.sampled_from("+-*/"), number),
        joined("(- {})", number),
        joined("{}({})", st.sampled_from(["abs", "floor", "ceil", "sqrt"]), number),
        joined("{}({}, {}, {})", st.sampled_from(["least", "greatest", "coalesce"]), number, number, number),
        joined("nullif({}, {})", number, number),
        joined("CASE WHEN {} THEN {} WHEN {} THEN {} END", boolean, number, boolean, number),
        joined("CASE {} WHEN {} THEN {} ELSE {} END", number, number, number, number),
        joined("if({}, {}, {})", boolean, number, number),
    )


def booleans(depth: int) -> st.SearchStrategy:
    if depth == 0:
        return st.sampled_from(["flag", "TRUE", "FALSE", "(flag IS NULL)"])
    number, boolean, text = numbers(depth - 1), booleans(depth - 1), text_values(depth - 1)
    return st.one_of(
        booleans(0),
        joined("({} {} {})", number, ORDERS, number),
        joined("({} {} {})", text, st.sampled_from(["=", "<>"]), text),
        joined("({} {} {})", TIMES, ORDERS, TIMES),
        joined("({} {} {})", boolean, st.sampled_from(["AND", "OR", "AND", "OR", "="]), boolean),
        joined("(NOT {})", boolean),
        joined("({} IS {})", number | text | boolean, st.sampled_from(["NULL", "NOT NULL"])),
        joined("({} {} (0, 1, 2.5, 3))", number, st.sampled_from(["IN", "NOT IN"])),
        joined("({} {} ({}, NULL, 2))", number, st.sampled_from(["IN", "NOT IN"]), number),
        joined("({} IN ('x', 'é', '日本', 'it''s'))", text),
        joined("({} IN ({}, ''))", text, text),
        joined("({} {} {} AND {})", number, st.sampled_from(["BETWEEN", "NOT BETWEEN"]), number, number),
    )


def text_values(depth: int) -> st.SearchStrategy:
    if depth == 0:
        return TEXT_LEAVES
    text = text_values(depth - 1)
    return st.one_of(
        TEXT_LEAVES,
        joined("coalesce({}, {})", text, text),
        joined("nullif({}, {})", text, text),
        joined("CASE WHEN {} THEN {} ELSE {} END", booleans(depth - 1), text, text),
    )


def reading_a_column(values: st.SearchStrategy, column: str) -> st.SearchStrategy:
    """A feature must read some column; NULL-safe and with no effect on the value."""
    return values.map(lambda sql: f"coalesce({sql}, nullif({column}, {column}))")


features = st.fixed_dictionaries(
    {
        "number1": reading_a_column(numbers(3), "a"),
        "number2": reading_a_column(numbers(2), "b").map(lambda sql: f"{sql} - number1"),
        "boolean1": reading_a_column(booleans(3), "flag"),
        "boolean2": reading_a_column(booleans(2), "flag").map(lambda sql: f"{sql} OR boolean1"),
        "text1": reading_a_column(text_values(3), "t"),
    }
)


@settings(QUICK, max_examples=100)
@given(features=features, rows=rows)
def test_exact_operators_are_equal_to_the_bit(engines, features, rows):
    answers = engines(features, rows)
    np.testing.assert_array_equal(answers.duckdb.numbers, answers.onnx.numbers)
    np.testing.assert_array_equal(answers.duckdb.texts, answers.onnx.texts)
    assert not np.isinf(answers.onnx.numbers).any()


@settings(QUICK, max_examples=30)
@given(inner=st.lists(numbers(1), min_size=4, max_size=4), rows=rows)
def test_transcendental_functions_agree_to_float32(engines, inner, rows):
    functions = ("ln", "exp", "sin", "cos")
    features = {name: f"{name}({sql} + a * 0)" for name, sql in zip(functions, inner, strict=True)}
    answers = engines(features, rows)
    # Near its zeros onnxruntime's sine is right to about 1e-16 absolutely, not relatively: hence `atol`.
    np.testing.assert_allclose(answers.onnx.numbers, answers.duckdb.numbers, rtol=2**-23, atol=1e-15, equal_nan=True)
