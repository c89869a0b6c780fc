"""Text in both engines: all of Unicode, and requests of any size."""

import string

import numpy as np
import pytest

PLANES = 2 * 0x10000  # the two of Unicode's planes that have letters of two cases
CHARACTERS = f"""
    INSERT INTO rows_in (s, t)
    SELECT chr(point::INTEGER), 'x' || chr(point::INTEGER) || 'y' FROM range(1, {PLANES}) AS points(point)
    WHERE point NOT BETWEEN 55296 AND 57343 -- surrogates are no characters
"""


def column(inputs, names, name):
    return inputs[:, names.index(name)]


def test_every_letter_of_unicode_is_treated_alike(engines):
    features = {
        "lowered": "lower(t)",
        "raised": "upper(t)",
        "joined": "s || t",
        "one": "s LIKE '_'",
        "inside": "t LIKE 'x_y'",
        "k": "s ILIKE 'K'",
        "s_sharp": "s ILIKE '%ß%'",
    }
    answers = engines(features, CHARACTERS)
    assert len(answers.onnx.texts) == PLANES - 1 - 0x800
    assert list(answers.differences()) == []
    numbers, names = answers.onnx.numbers, answers.compiled.numbers
    assert column(numbers, names, "one").all()
    assert column(numbers, names, "inside").all()
    letters = answers.onnx.texts[:, answers.compiled.texts.index("s")]
    assert sorted(letters[column(numbers, names, "k") == 1]) == ["K", "k"]
    assert letters[column(numbers, names, "s_sharp") == 1].tolist() == ["ß"]
    texts = answers.onnx.texts
    lowered = column(texts, answers.compiled.texts, "lowered") != np.strings.add(np.strings.add("x", letters), "y")
    assert sorted(letters[lowered]) == sorted(string.ascii_uppercase)


@pytest.mark.parametrize("rows", [0, 1, 2, 1000])
def test_a_request_of_any_size_is_answered(engines, rows):
    features = {
        "text": "upper(lower(s)) || concat(t, 'Ä')",
        "boolean": "lower(s) LIKE 'a%' OR t IN ('x', 'y', 'z')",
        "number": "round(log(n) + power(n, 0.7) + exp(n) + sin(n) + n // 7 + CAST(n AS TINYINT) + week(at))",
    }
    fill = f"""
        INSERT INTO rows_in
        SELECT TIMESTAMP '1999-12-31' + to_days(i::INT), i, i, i, i % 2, 'aB' || i, 'x' FROM range({rows}) AS r(i)
    """
    answers = engines(features, fill)
    assert answers.onnx.numbers.shape[0] == answers.onnx.texts.shape[0] == rows
    assert list(answers.differences()) == []


@pytest.mark.parametrize("pattern", ["%" * 200, "_" * 200, "%a" * 100, "%_" * 100, "ß" * 200, "%" + "_" * 198 + "a"])
def test_the_longest_patterns_run(engines, pattern):
    long = "a" * 5_000
    answers = engines({"like": f"s LIKE '{pattern}'", "ilike": f"s ILIKE '{pattern}'"}, [(None,) * 5 + (long, "")])
    assert list(answers.differences()) == []
