"""The published schema of a request and the code that reads requests agree, value by value."""

from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator, FormatChecker

from everloop.contracts.definition import Definition, load_definitions, parse_definition
from everloop.contracts.recommendation import SEPARATOR
from everloop.errors import InvalidRowsError, RequestError
from everloop.inference.openapi.requests import (
    LARGEST_INTEGER,
    Schema,
    example_object,
    outcome_schema,
    row_schema,
)
from everloop.inference.records import parse_outcomes
from everloop.inference.rows import to_columns
from tests.docs.markdown import REPOSITORY, whole_definitions
from tests.samples import MODELS, NOW

EVERY_COLUMN = """
name = "every-column"
task = "multiclass-classification"
data = { target = "grade", timestamp = "at", entity = "who", row_id = ["id"], csv = { missing = [MISSING] } }
[columns]
id = "text"
grade = { type = "category", allowed = ["a", "b"] }
at = "timestamp"
by = { type = "timestamp", nullable = false }
who = { type = "text", pii = "hash" }
number = "number"
low = { type = "number", minimum = -2.5, description = "above" }
high = { type = "number", maximum = 1e3, nullable = false, monotone = "increasing" }
both = { type = "number", minimum = 0.125, maximum = 0.25 }
integer = "integer"
whole = { type = "integer", nullable = false, minimum = -200, maximum = 3.5, learned = false }
flag = "boolean"
sure = { type = "boolean", nullable = false }
level = { type = "category", allowed = ["x", "", "a.b", "*"] }
kind = { type = "category", nullable = false, allowed = ["x", "", "NA", "ÿ\\u0000"] }
none = { type = "category", allowed = [] }
text = { type = "text", pii = "drop" }
said = { type = "text", nullable = false }
"with space.and (dots)" = "number"
[history]
rows = { value = "count()", by = "level", over = "7 days" }
""".replace('monotone = "increasing"', "learned = true")  # of multiclass there is none
FORECAST = """
name = "demand"
task = "forecasting"
data = { target = "sold", timestamp = "day", row_id = ["shop", "day"] }
columns = { sold = "integer", day = "timestamp", shop = "category", price = { type = "number", minimum = 0 } }
forecast = { period = "1 day", horizon = "7 days", seasons = "7 days", by = "shop" }
"""
RECOMMENDATION = """
name = "shop"
task = "recommendation"
data = { target = "item", timestamp = "at", entity = "user", csv = { missing = ["?"] } }
columns = { item = TYPE, at = "timestamp", user = { type = "integer", nullable = false }, price = "number" }
"""


def _definitions() -> dict[str, Definition]:
    texts = {
        "plain": EVERY_COLUMN.replace("MISSING", ""),
        "missing": EVERY_COLUMN.replace("MISSING", '"NA", "-200", "0.2", "a.b", "", "*", "nan", "1e400", " x"'),
        "forecast": FORECAST,
        "items": RECOMMENDATION.replace("TYPE", '{ type = "text", nullable = false }'),
        "numbered items": RECOMMENDATION.replace("TYPE", '{ type = "integer", maximum = 9 }'),
    }
    made = {}
    for name, text in texts.items():
        made[name] = parse_definition(text, source=text.split('"')[1] + ".toml")
    on_pages = {
        f"page {name}": parse_definition(text, source=f"{name}.toml") for name, text in whole_definitions().items()
    }
    shipped = {each.name: each for folder in (REPOSITORY / "models", MODELS) for each in load_definitions(folder)}
    return made | on_pages | shipped


DEFINITIONS = _definitions()
EDGES: list[Any] = [
    *(None, True, False, "", " ", "x", "NA", " NA\n", "na", "?", " ? ", "a.b", "aXb", "*", "\0", "ÿ\0", "\x1f", "-200"),
    *(-200, -200.0, -201, 0, 0.0, -0.0, 1, 1.0, 3, 3.5, 4, 9, 10, 0.2, 0.125, 0.25, 0.2500001, -2.5, -2.6, 1e3, 1e300),
    *(LARGEST_INTEGER, -LARGEST_INTEGER, LARGEST_INTEGER + 1, -LARGEST_INTEGER - 1, 2**63, 2.0**63),
    *([], [1], [1.0], [1.5], ["x"], ["x", ""], ["?"], [None], ["a" + SEPARATOR], ["\0"], [2**63], [[]], {}, {"x": 1}),
    *("axial", "EWR", "late", "soon", "a", "b", "c", 7),
]
CELLS = st.sampled_from(EDGES) | st.text() | st.integers(-1000, 1000) | st.floats(allow_nan=False, allow_infinity=False)


def is_read(definition: Definition, row: dict[str, Any]) -> bool:
    try:
        to_columns([row], definition)
    except InvalidRowsError:
        return False
    return True


def validator(schema: Schema) -> Draft202012Validator:
    Draft202012Validator.check_schema(schema)
    return Draft202012Validator(schema, format_checker=FormatChecker())


VALIDATORS = {name: validator(row_schema(definition)) for name, definition in DEFINITIONS.items()}
EXAMPLES = {name: example_object(row_schema(definition)) for name, definition in DEFINITIONS.items()}


@pytest.mark.parametrize("name", DEFINITIONS)
def test_the_example_is_a_row(name: str) -> None:
    assert EXAMPLES[name].keys() == DEFINITIONS[name].inputs.keys()
    assert is_read(DEFINITIONS[name], EXAMPLES[name])
    assert VALIDATORS[name].is_valid(EXAMPLES[name])


@pytest.mark.parametrize("name", DEFINITIONS)
@settings(max_examples=150)
@given(cell=CELLS)
def test_a_cell_is_read_if_and_only_if_the_schema_takes_it(name: str, cell: Any) -> None:
    definition = DEFINITIONS[name]
    for column, declared in definition.inputs.items():
        if declared.type == "timestamp" and isinstance(cell, str):
            continue  # below
        row = EXAMPLES[name] | {column: cell}
        assert VALIDATORS[name].is_valid(row) == is_read(definition, row), (column, cell)


@pytest.mark.parametrize("name", DEFINITIONS)
def test_every_edge_is_judged_alike(name: str) -> None:
    check = test_a_cell_is_read_if_and_only_if_the_schema_takes_it.hypothesis.inner_test  # type: ignore[attr-defined]
    for cell in EDGES:
        check(name, cell)


@pytest.mark.parametrize("name", DEFINITIONS)
def test_a_column_may_be_left_out_if_and_only_if_the_schema_says_so(name: str) -> None:
    for column in DEFINITIONS[name].inputs:
        row = {name: cell for name, cell in EXAMPLES[name].items() if name != column}
        assert VALIDATORS[name].is_valid(row) == is_read(DEFINITIONS[name], row), column


@pytest.mark.parametrize("name", DEFINITIONS)
def test_what_a_training_file_has_besides_is_ignored_and_a_stranger_is_not(name: str) -> None:
    definition = DEFINITIONS[name]
    for column in [*definition.columns, "a stranger"]:
        if column not in definition.inputs:
            row = EXAMPLES[name] | {column: ["anything"]}
            assert VALIDATORS[name].is_valid(row) == is_read(definition, row) == (column in definition.columns), column


@given(moment=st.datetimes(), offset=st.sampled_from(["Z", "+00:00", "-07:30", "+14:00"]))
@example(moment=NOW.replace(tzinfo=None), offset="Z")
def test_a_moment_as_rfc_3339_writes_it_is_read(moment: Any, offset: str) -> None:
    text = f"{moment.isoformat()}{offset}"
    row = EXAMPLES["missing"] | {"at": text}
    assert VALIDATORS["missing"].is_valid(row)
    assert is_read(DEFINITIONS["missing"], row) or moment.year in (1, 9998, 9999)


@pytest.mark.parametrize("text", ["soon", "2026-02-30T00:00:00Z", "2026-01-31T25:00:00Z", "1769860800"])
def test_what_is_no_moment_is_taken_by_neither(text: str) -> None:
    row = EXAMPLES["missing"] | {"by": text}
    assert not is_read(DEFINITIONS["missing"], row)
    assert not VALIDATORS["missing"].is_valid(row)


@pytest.mark.parametrize("name", DEFINITIONS)
@settings(max_examples=60)
@given(field=st.sampled_from(["prediction_id", "actual", "stranger"]), value=CELLS)
def test_an_outcome_is_recorded_if_and_only_if_the_schema_takes_it(name: str, field: str, value: Any) -> None:
    definition = DEFINITIONS[name]
    schema = outcome_schema(definition)
    outcome = example_object(schema)
    assert _is_recorded(definition, outcome)
    assert validator(schema).is_valid(outcome)
    outcome |= {field: value}
    assert validator(schema).is_valid(outcome) == _is_recorded(definition, outcome)


def _is_recorded(definition: Definition, outcome: dict[str, Any]) -> bool:
    try:
        parse_outcomes({"outcomes": [outcome]}, definition, now=NOW)
    except RequestError:
        return False
    return True
