"""What may be declared in [history], and what is said of anything else: where, what came, what to do."""

from typing import Any

import pytest

from everloop.contracts.definition import Definition, parse_definition
from everloop.contracts.history import AGGREGATES
from everloop.errors import DefinitionError
from everloop.features.check import check_expressions
from everloop.features.compile import compile_features
from everloop.features.history.compile import compile_history

PUMP = """
name = "pump"
task = "binary-classification"
data = { target = "broken", timestamp = "at", row_id = ["id"] }
[columns]
id = "text"
at = "timestamp"
serial = "category"
line = "integer"
idle = "boolean"
speed = "number"
memo = "text"
broken = "boolean"
"""
GOOD = 'value = "count()", by = "serial", over = "7 days"'


def read(history: str, pump: str = PUMP) -> Definition:
    definition = parse_definition(f"{pump}\n{history}", source="pump.toml")
    compile_history(definition)
    return definition


def problem(history: str, pump: str = PUMP) -> str:
    with pytest.raises(DefinitionError) as caught:
        read(history, pump)
    return str(caught.value)


def asking(value: str, more: str = "") -> str:
    return f'[history]\nh = {{ value = "{value}", by = "serial", over = "7 days" {more} }}'


EXPRESSIONS = [
    ("sum(sped)", "", ["history.h.value: at character 1, 'sped'", "unknown column 'sped'", "did you mean 'speed'?"]),
    ("sum(zzz)", "", ["history.h.value: ", "unknown column 'zzz'", "a history reads columns, not features"]),
    ("median(speed)", "", ["history.h: value 'median(speed)': expected one of count(…), sum(…)", "last(…)"]),
    ("speed", "", ["history.h: value 'speed': expected one of count(…)"]),
    ("", "", ["history.h: value '': expected one of count(…)"]),
    ("sum()", "", ["history.h: value 'sum()': sum needs an expression, such as the name of a column"]),
    ("last( )", "", ["history.h: value 'last( )': last needs an expression, such as the name of a column"]),
    ("seconds_since_last(speed)", "", ["history.h: value 'seconds_since_last(speed)'", "takes nothing", "'where'"]),
    ("mean(broken)", "", ["history.h: reads the target 'broken'", "declare the delay", "delay = '30 days'"]),
    ("count()", ', where = "broken"', ["history.h: reads the target 'broken'", "declare the delay"]),
    ("sum(speed)", ', where = "speed"', ["history.h.where: expected a condition, got a number"]),
    ("sum(speed)", ', where = "speed >"', ["history.h.where: not a SQL expression"]),
    ("sum(speed)", ', where = "sped > 1"', ["history.h.where: at character 1", "did you mean 'speed'?"]),
    ("sum(memo)", "", ["history.h.value: sum takes a number, got a text"]),
    ("last(serial)", "", ["history.h.value: last takes a number, got a text"]),
    ("max(at)", "", ["history.h.value: max takes a number, got a timestamp"]),
    ("sum(speed) + sum(line)", "", ["history.h.value: "]),
    ("sum(sum(speed))", "", ["history.h.value: at character 1, 'sum(speed)': 'sum' cannot be compiled"]),
    ("sum(speed", "", ["history.h: value 'sum(speed': expected one of count(…)"]),
    ("sum(NULL)", "", ["history.h.value: is always NULL"]),
]


@pytest.mark.parametrize(("value", "more", "expected"), EXPRESSIONS)
def test_an_expression_is_refused_where_it_goes_wrong(value: str, more: str, expected: list[str]) -> None:
    said = problem(asking(value, more))
    assert [part for part in expected if part not in said] == [], said
    assert len(said.splitlines()) == 1


@pytest.mark.parametrize(
    ("history", "expected"),
    [
        ("h = { value = 'count()', by = 'broken', over = '1 day' }", ["history.h.by names 'broken'", "serial, line"]),
        ("h = { value = 'count()', by = 'id', over = '1 day' }", ["history.h.by names 'id'", "serial, line, idle"]),
        ("h = { value = 'count()', by = 'seral', over = '1 day' }", ["history.h.by names 'seral'", "expected one of"]),
        (
            "h = { value = 'count()', by = 'speed', over = '1 day' }",
            ["history.h.by: expected a boolean, category, integer, text column", "'speed' is a number"],
        ),
        (
            "h = { value = 'count()', by = ['serial', 'at'], over = '1 day' }",
            ["history.h.by: expected a boolean, category, integer, text column", "'at' is a timestamp"],
        ),
        ("speed = { value = 'count()', over = '1 day' }", ["history.speed gives 'speed'", "choose another name"]),
        ("Speed = { value = 'count()', over = '1 day' }", ["history.Speed gives 'Speed'", "choose another name"]),
        ("broken = { value = 'count()', over = '1 day' }", ["history.broken gives 'broken'", "choose another name"]),
        ("fast = { value = 'count()', over = '1 day' }", ["history.fast gives 'fast'", "choose another name"]),
        ("FAST = { value = 'count()', over = '1 day' }", ["history.FAST gives 'FAST'", "choose another name"]),
        (
            "a = { value = 'count()', over = '1 day' }\nA = { value = 'count()', over = '1 day' }",
            ["history.A gives 'A'", "choose another name"],
        ),
        (
            "a = { value = 'count()', over = ['1 day', '7 days'] }\na_7d = { value = 'sum(line)', over = '1 day' }",
            ["history.a_7d gives 'a_7d'", "choose another name"],
        ),
        (
            "a = { value = 'count()', over = ['1 day', '7 days'] }\nA_7D = { value = 'sum(line)', over = '1 day' }",
            ["history.A_7D gives 'A_7D'", "choose another name"],
        ),
        ("h = { value = 'count()', over = ['24 hours', '1 day'] }", ["history.h: over: each window once"]),
        ("h = { value = 'count()', over = [] }", ["history.h.over: ", "at least 1 item"]),
        ("h = { value = 'count()', over = 'always' }", ["history.h.over", "expected a duration such as '90 days'"]),
        ("h = { value = 'count()', over = '1 day', delay = '0 days' }", ["history.h.delay: expected a duration"]),
        ("h = { value = 'count()' }", ["history.h.over: Field required"]),
        ("h = { over = '1 day' }", ["history.h.value: Field required"]),
        ("h = { value = 'count()', ovr = '1 day' }", ["history.h: unknown key 'ovr'; did you mean 'over'?"]),
    ],
)
def test_a_declaration_is_refused_with_its_place(history: str, expected: list[str]) -> None:
    said = problem(f"[features]\nfast = 'speed > 9'\n[history]\n{history}")
    assert [part for part in expected if part not in said] == [], said


def test_history_needs_a_timestamp() -> None:
    without = PUMP.replace(', timestamp = "at"', "")
    said = problem(f"[history]\nh = {{ {GOOD} }}", without)
    assert "[history] needs data.timestamp" in said


def test_every_wrong_expression_is_told_at_once() -> None:
    wrong = "\n".join(f"{name} = {{ value = 'sum({name}x)', over = '1 day' }}" for name in ("a", "b"))
    first, second = problem(f"[history]\n{wrong}").splitlines()
    assert first.startswith("history.a.value: ")
    assert second.startswith("history.b.value: ")


@pytest.mark.parametrize("value", ["mean(broken)", "count()"])
def test_the_target_may_be_read_with_a_delay(value: str) -> None:
    read(asking(value, ", delay = '30 days', where = 'broken'"))


@pytest.mark.parametrize("aggregate", AGGREGATES)
@pytest.mark.parametrize("expression", ["speed", "line * 2 + speed", "idle", "broken", "hour(at)"])
def test_numbers_and_booleans_go_into_every_aggregate(aggregate: str, expression: str) -> None:
    value = f"{aggregate}({'' if aggregate == 'seconds_since_last' else expression})"
    read(asking(value, ", delay = '1 day'"))


@pytest.mark.parametrize("value", ["count(memo)", "count_distinct(memo)", " COUNT ( serial ) ", "Seconds_Since_Last()"])
def test_texts_are_counted(value: str) -> None:
    read(asking(value))


def names_of(over: Any) -> list[str]:
    return list(read(f"[history]\nh = {{ value = 'count()', over = {over!r} }}").history_features)


def test_several_windows_have_their_lengths_in_their_names() -> None:
    assert names_of("7 days") == names_of(["7 days"]) == ["h"]
    assert names_of(["90 minutes", "24 hours", "36 hours", "2 weeks"]) == ["h_90m", "h_1d", "h_36h", "h_14d"]


@pytest.mark.parametrize(
    ("window", "step_s"),
    [
        ("1 minute", 1),
        ("7 minutes", 1),
        ("10 minutes", 10),
        ("1 hour", 60),
        ("90 minutes", 60),
        ("10 hours", 600),
        ("1 day", 600),
        ("7 days", 3_600),
        ("15 days", 21_600),
        ("30 days", 21_600),
        ("60 days", 86_400),
        ("90 days", 86_400),
        ("61 minutes", 60),
    ],
)
def test_a_window_has_at_least_sixty_steps(window: str, step_s: int) -> None:
    [feature] = read(f"[history]\nh = {{ value = 'count()', over = '{window}' }}").history_features.values()
    assert feature.step.total_seconds() == step_s
    assert feature.steps * feature.step == feature.window
    assert feature.steps >= 60


def test_features_may_use_history() -> None:
    pump = read("[features]\nburst = 'h_1d / h_30d'\n[history]\nh = { value = 'count()', over = ['1 day', '30 days'] }")
    check_expressions(pump)
    assert list(compile_features(pump).expressions)[-3:] == ["h_1d", "h_30d", "burst"]
    assert list(pump.served_columns)[-2:] == ["h_1d", "h_30d"]
    assert "h_1d" not in pump.inputs, "no request carries it"


@pytest.mark.parametrize("name", ["numbers", "texts"])
def test_the_names_of_the_models_own_inputs_are_refused(name: str) -> None:
    pump = read(f"[history]\n{name} = {{ {GOOD} }}")
    with pytest.raises(DefinitionError, match=f"^history.{name}: .*the model's own input"):
        check_expressions(pump)
