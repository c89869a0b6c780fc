"""models/<name>.toml: each rule, and each error in words a person can act on."""

import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from everloop.contracts.base import format_duration, parse_duration
from everloop.contracts.columns import Csv
from everloop.contracts.definition import Definition, load_definitions, parse_definition
from everloop.contracts.tasks import ALGORITHMS, METRICS, Task
from everloop.errors import DefinitionError
from everloop.training.algorithms import load_algorithm
from tests.samples import MODELS, example, pump_failure

MINIMAL = """
name = "pump"
task = "binary-classification"
data = { target = "broken" }
[columns]
speed = "number"
broken = "boolean"
"""


def problem(toml: str, source: str = "pump.toml") -> str:
    with pytest.raises(DefinitionError) as caught:
        parse_definition(toml, source=source)
    return str(caught.value)


def test_four_lines_are_a_definition() -> None:
    definition = parse_definition(MINIMAL, source="pump.toml")
    assert definition.algorithms == tuple(name for name, tasks in ALGORITHMS.items() if Task.BINARY in tasks)
    assert definition.metric == "roc_auc"
    assert definition.holdout.by == "random"
    assert list(definition.inputs) == ["speed"]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("[training]\ntrails = 3", "training: unknown key 'trails'; did you mean 'trials'?"),
        ("[columns.heat]\ntype = 'number'\nminmum = 3", "columns.heat: unknown key 'minmum'; did you mean 'minimum'?"),
        ("[monitoring]\nzzz = 3", "monitoring: unknown key 'zzz'; valid keys: every, minimum_rows, window"),
        ("[columns.heat]\ntype = 'numeric'", "columns.heat.type: Input should be 'number', 'integer', 'boolean', "),
        ("[training]\ntrials = 0", "training.trials: Input should be greater than or equal to 1, got 0"),
        ("[training]\ntrials = 'many'", "training.trials: Input should be a valid integer"),
        ("[training]\nwindow = '3 fortnights'", "training.window: expected a duration such as '90 days'"),
        ("[training]\nwindow = '0 days'", "expected a duration"),
        ("[training]\nwindow = 90", "training.window: expected a duration such as '90 days', '12 hours' or"),
        ("[history.h]\nvalue = 'count()'\nover = 7", "history.h.over.0: expected a duration such as '90 days', '12"),
        (
            "[training]\nwindow = '99999999999 weeks'",
            "training.window: expected a duration of at most 1,000 years, got",
        ),
        ("[training]\nwindow = '30 days'", "training.window needs data.timestamp"),
        ("[training]\nholdout = { by = 'time' }", "training.holdout.by = 'time' needs data.timestamp"),
        ("[training]\nholdout = { by = 'moon' }", "training.holdout.by: Input should be 'time' or 'random'"),
        ("[training]\nmetric = 'f1'", "metric 'f1' is not one of binary-classification: roc_auc, log_loss, accuracy"),
        ("[training]\nmetric = 'r2'", "metric 'r2' is not one of binary-classification"),
        ("[promotion]\nminimum = { rocauc = 0.6 }", "metric 'rocauc' is not one of"),
        (
            "[promotion]\nmode = 'blue'",
            "promotion.mode: Input should be 'automatic', 'canary', 'shadow' or 'manual', got",
        ),
        (
            "[promotion]\ncanary.steps = [0.5, 0.2]",
            "promotion.canary.steps: expected growing shares, each above 0 and below 1, got [0.5, 0.2]",
        ),
        ("[promotion]\nshadow.for = '1 day'", "promotion.shadow: unknown key 'for'; valid keys: during, guardrails"),
        ("[columns.mail]\ntype = 'text'\npii = 'encrypt'", "columns.mail.pii: Input should be 'hash' or 'drop', got"),
        (
            "[serving]\nlog_retention = '6 days'",
            "serving.log_retention: expected at least the 1 week of monitoring.window, got 6 days",
        ),
        ("[training]\nalgorithms = ['ridge']", "algorithm 'ridge' is not one of binary-classification: hist-gradient-"),
        ("[training]\nalgorithms = ['naive-bayes']", "algorithm 'naive-bayes' is not one of"),
        ("[serving]\nfallback = 'yes'", "serving.fallback 'yes': a label for multiclass tasks, a list of items"),
        ("[serving]\nfallback = nan", "fallback"),
        ("[serving]\nfallback = inf", "fallback"),
        ("[columns.heat]\ntype = 'number'\nminimum = nan", "columns.heat.minimum: Input should be a finite number"),
        ("[columns.heat]\ntype = 'category'\nminimum = 1", "'minimum' and 'maximum' are for number and integer"),
        ("[columns.heat]\ntype = 'number'\nallowed = ['a']", "'allowed' is for category and text columns, this one is"),
        ("[columns.heat]\ntype = 'number'\nminimum = 2\nmaximum = 1", "minimum 2.0 is above maximum 1.0"),
        ("[columns.heat]\ntype = 'category'\nmonotone = 'increasing'", "'monotone' is for number and integer columns"),
        ("[columns.heat]\ntype = 'number'\nmonotone = 'up'", "columns.heat.monotone: Input should be 'increasing' or"),
        ("[serving]\ncosts = { false_positive = 0, false_negative = 1 }", "serving.costs.false_positive: Input should"),
        ("[serving]\ncosts = { false_positive = 1 }", "serving.costs.false_negative: Field required"),
        ("[promotion]\nmax_size_mb = 0", "promotion.max_size_mb: Input should be greater than 0, got 0"),
        ("[features]\nspeed = 'abs(speed)'", "feature 'speed' has the name of a column"),
    ],
)
def test_what_is_wrong_is_said_where_it_is(line: str, expected: str) -> None:
    assert expected in problem(f"{MINIMAL}\n{line}\n")


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        ({"target": "brokn"}, "data.target names column 'brokn', which [columns] does not declare"),
        ({"target": "broken", "timestamp": "at"}, "data.timestamp names column 'at'"),
        ({"target": "broken", "timestamp": "speed"}, "column 'speed' must have type 'timestamp'"),
        ({"target": "broken", "entity": "pump"}, "data.entity names column 'pump'"),
        ({"target": "broken", "row_id": ["speed", "id"]}, "data.row_id[1] names column 'id'"),
        ({"target": "broken", "row_id": ["speed"]}, "nothing to learn from"),
        ({"target": "broken", "positive": "yes"}, "data.positive names the level that counts as 1"),
    ],
)
def test_each_role_names_a_column_that_fits(data: dict[str, Any], expected: str) -> None:
    raw = {
        "name": "pump",
        "task": "binary-classification",
        "data": data,
        "columns": {"speed": "number", "broken": "boolean"},
    }
    with pytest.raises(ValueError, match=re.escape(expected)):
        Definition.model_validate(raw)


@pytest.mark.parametrize(
    ("task", "kind", "fits"),
    [
        ("binary-classification", "boolean", True),
        ("binary-classification", "text", False),
        ("binary-classification", "timestamp", False),
        ("binary-classification", "category", False),  # which level counts as 1?
        ("multiclass-classification", "category", True),
        ("multiclass-classification", "integer", True),
        ("multiclass-classification", "number", False),
        ("regression", "number", True),
        ("regression", "category", False),
        ("regression", "boolean", False),
    ],
)
def test_the_target_fits_the_task(task: str, kind: str, fits: bool) -> None:
    raw = {"name": "m", "task": task, "data": {"target": "y"}, "columns": {"x": "number", "y": kind}}
    if fits:
        assert Definition.model_validate(raw).task == task
    else:
        with pytest.raises(ValueError, match=r"target must be|data\.positive"):
            Definition.model_validate(raw)


MONOTONE = {"type": "integer", "monotone": "increasing"}


@pytest.mark.parametrize(
    ("task", "columns", "expected"),
    [
        (Task.MULTICLASS, {"a": MONOTONE, "y": "category"}, "columns.a.monotone: a multiclass answer has no direction"),
        (Task.REGRESSION, {"a": "number", "y": MONOTONE}, "columns.y.monotone: the target and row ids are no inputs"),
    ],
)
def test_only_an_answer_with_a_direction_goes_with_an_input(task: Task, columns: Any, expected: str) -> None:
    with pytest.raises(ValueError, match=re.escape(expected)):
        example(task, columns=columns)


def test_what_cannot_keep_a_direction_is_left_out_and_refused_by_name() -> None:
    columns = {"a": MONOTONE, "y": "boolean"}
    able = set(example(Task.BINARY).algorithms) - {"multi-layer-perceptron"}
    assert set(example(Task.BINARY, columns=columns).algorithms) == able
    expected = "algorithm 'multi-layer-perceptron' cannot keep what columns.a.monotone declares; expected of hist-"
    with pytest.raises(ValueError, match=re.escape(expected)):
        example(Task.BINARY, columns=columns, training={"algorithms": ["multi-layer-perceptron"]})


@pytest.mark.parametrize("task", [Task.MULTICLASS, Task.REGRESSION])
def test_costs_are_of_two_kinds_of_wrong_labels(task: Task) -> None:
    costs = {"false_positive": 1, "false_negative": 3}
    with pytest.raises(ValueError, match=f"which a {task} has not"):
        example(task, serving={"costs": costs})
    declared = example(Task.BINARY, serving={"costs": costs}).serving.costs
    assert declared is not None
    assert declared.threshold == 0.25


def rule(answer: Any, name: str = "short-hop") -> dict[str, Any]:
    return {"name": name, "when": "a > 1", "answer": answer}


@pytest.mark.parametrize(
    ("task", "answer", "expected"),
    [
        (Task.BINARY, "yes", "'yes': a label for multiclass tasks, a list of items for recommendations, a number for"),
        (Task.BINARY, 1.5, "1.5: expected a probability from 0 to 1"),
        (Task.REGRESSION, ["a"], "('a',): a label for multiclass tasks"),
        (Task.MULTICLASS, 0.5, "0.5: a label for multiclass tasks"),
        (Task.MULTICLASS, "middling", "'middling': 'middling' is not in columns.y.allowed; expected of low, high"),
        (Task.RECOMMENDATION, "bread", "'bread': a label for multiclass tasks, a list of items for recommendations"),
    ],
)
def test_what_answers_without_a_model_answers_as_the_task_does(task: Task, answer: Any, expected: str) -> None:
    levels = {"columns": {"a": "number", "y": {"type": "category", "allowed": ["low", "high"]}}}
    sections: dict[str, Any] = levels if task is Task.MULTICLASS else {}
    with pytest.raises(ValueError, match=re.escape(f"serving.fallback {expected}")):
        example(task, serving={"fallback": answer}, **sections)
    fine: Any = {Task.MULTICLASS: "low", Task.RECOMMENDATION: ["bread", "milk"]}.get(task, 0.5)
    with pytest.raises(ValueError, match=re.escape(f"serving.rules[1] (short-hop): answer {expected}")):
        example(task, serving={"rules": [rule(fine, "other"), rule(answer)]}, **sections)


def test_rules_have_names_of_their_own() -> None:
    with pytest.raises(ValueError, match=re.escape("serving.rules[1] (short-hop): an earlier rule has this name")):
        example(Task.BINARY, serving={"rules": [rule(0.1), rule(0.2)]})
    assert "serving.rules.0.name: String should match" in problem(
        f"{MINIMAL}[[serving.rules]]\nname = 'Short hop'\nwhen = 'speed < 1'\nanswer = 0\n"
    )


def personal(column: str, pii: str) -> dict[str, Any]:
    """The columns of pump-failure, of which one is personal data."""
    columns: dict[str, Any] = pump_failure().model_dump(mode="json", exclude_defaults=True)["columns"]
    return columns | {column: columns[column] | {"pii": pii}}


@pytest.mark.parametrize(("role", "column"), [("target", "failed"), ("timestamp", "measured_at")])
def test_what_the_log_is_about_cannot_be_kept_out_of_it(role: str, column: str) -> None:
    with pytest.raises(ValueError, match=f"columns.{column}.pii: the {role} cannot be kept out of the log"):
        pump_failure(columns=personal(column, "hash"))


@pytest.mark.parametrize(
    ("column", "features", "unlogged"),
    [
        ("kind", {}, ("kind",)),
        ("pump", {}, ()),  # the entity, which nothing learns from: the log lacks nothing that a score needs
        ("pump", {"is_new": "pump LIKE 'N%'"}, ("pump",)),
    ],
)
def test_no_shadow_where_the_log_lacks_what_a_model_may_read(
    column: str, features: dict[str, str], unlogged: tuple[str, ...]
) -> None:
    sections: dict[str, Any] = {"columns": personal(column, "drop"), "features": features}
    assert pump_failure(**sections).unlogged_inputs == unlogged
    if not unlogged:
        assert pump_failure(**sections, promotion={"mode": "shadow"}).promotion.mode == "shadow"
        return
    with pytest.raises(ValueError, match=f"promotion.mode: a shadow is scored with .* and of '{column}' it has no"):
        pump_failure(**sections, promotion={"mode": "shadow"})


def test_a_recommendation_reads_its_user() -> None:
    columns = {"y": "category", "c": {"type": "category", "pii": "hash"}, "t": "timestamp"}
    assert example(Task.RECOMMENDATION, columns=columns).unlogged_inputs == ("c",)


@pytest.mark.parametrize("hints", [{"delimiter": '"'}, {"delimiter": "'", "quote": "'"}])
def test_a_delimiter_that_is_the_quote_as_well_is_refused(hints: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="delimiter and quote are both"):
        Csv.model_validate(hints)
    assert Csv(delimiter='"', quote="'").delimiter == '"'


@pytest.mark.parametrize("name", ["Pump", "pump_1", "1pump", "pump-", "-pump", "pump--1", "", "p" * 64, "../pump"])
def test_a_name_that_is_no_part_of_a_key_or_url_is_refused(name: str) -> None:
    assert "name" in problem(MINIMAL.replace('"pump"', f'"{name}"'), source=f"{name or 'x'}.toml")


def test_the_name_is_that_of_the_file() -> None:
    assert "name is 'pump', expected the file's name 'pumps'" in problem(MINIMAL, source="models/pumps.toml")


def test_every_problem_is_told_at_once() -> None:
    told = problem(MINIMAL + "[training]\ntrials = 0\nseed = -1\n[monitoring]\nminimum_rows = 'x'\n")
    assert len(told.splitlines()) == 3
    assert all(line.startswith("pump.toml: ") for line in told.splitlines())


def test_broken_toml_names_the_line() -> None:
    assert re.search(r"pump\.toml: not valid TOML: .*line 3", problem('name = "pump"\ntask = "x"\nwhat\n'))


def test_columns_that_are_roles_are_not_learned_from_as_they_are() -> None:
    definition = pump_failure()
    assert list(definition.inputs) == ["measured_at", "pump", "kind", "pressure", "starts", "outdoors"]
    assert list(definition.model_columns) == ["kind", "pressure", "starts", "outdoors"]


def test_text_is_learned_from_unless_it_names_an_entity() -> None:
    columns = {
        "at": "timestamp",
        "card": "text",
        "memo": "text",
        "shop": "category",
        "pump": "text",
        "failed": "boolean",
    }
    history = {
        "rows": {"value": "count()", "by": "card", "over": "1 day"},
        "sales": {"value": "count()", "by": "shop", "over": "1 day"},
    }
    data = {"target": "failed", "timestamp": "at", "entity": "pump"}
    definition = pump_failure(data=data, columns=columns, history=history, features=None)
    assert list(definition.model_columns) == ["memo", "shop"]


def test_a_definition_survives_the_way_through_json() -> None:
    definition = pump_failure(training={"window": "90 days"})
    again = Definition.model_validate_json(definition.model_dump_json())
    assert again == definition
    assert again.hash == definition.hash


def test_the_hash_changes_with_the_meaning_and_stays_with_the_wording() -> None:
    text = (MODELS / "pump-failure.toml").read_text("utf-8")
    definition = parse_definition(text, source="pump-failure.toml")
    reworded = parse_definition(
        "# a comment\n" + text.replace("minimum = 0,", "minimum = 0.0,"), source="pump-failure.toml"
    )
    changed = parse_definition(text.replace("minimum = 0,", "minimum = 1,"), source="pump-failure.toml")
    assert definition.hash == reworded.hash
    assert definition.hash != changed.hash
    assert re.fullmatch("[0-9a-f]{16}", definition.hash)


def test_every_shipped_definition_is_valid() -> None:
    names = [definition.name for definition in load_definitions(Path(__file__).parents[3] / "models")]
    assert names == sorted(names)
    assert names


@pytest.mark.parametrize("task", Task)
def test_every_task_has_metrics_and_a_learner_with_code(task: Task) -> None:
    assert METRICS[task]
    assert example(task).algorithms
    for algorithm in example(task).algorithms:
        assert load_algorithm(algorithm).SPACE
        assert task in ALGORITHMS[algorithm]


@pytest.mark.parametrize("over", ["'3 fortnights'", "['3 fortnights']", "3"])
def test_a_wrong_duration_in_a_list_is_told_once(over: str) -> None:
    told = problem(f"{MINIMAL}\n[history.h]\nvalue = 'count()'\nover = {over}")
    assert told.startswith("pump.toml: history.h.over.0: expected a duration such as")
    assert len(told.splitlines()) == 1


@given(count=st.integers(1, 10_000), unit=st.sampled_from(["minute", "hour", "day", "week"]), plural=st.booleans())
def test_a_duration_is_written_as_it_can_be_read(count: int, unit: str, plural: bool) -> None:
    duration = parse_duration(f"{count} {unit}{'s' if plural else ''}")
    assert parse_duration(format_duration(duration)) == duration


@pytest.mark.parametrize("text", ["90", "days", "1.5 days", "-1 days", "1 day ago", "0 days", "", "1  day"])
def test_a_duration_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="expected a duration"):
        parse_duration(text)


def test_a_column_may_be_carried_without_being_learned_from() -> None:
    columns = {"kind": {"type": "category", "learned": False}, "speed": "number", "failed": "boolean"}
    definition = Definition.model_validate(
        {"name": "pump", "task": Task.BINARY, "data": {"target": "failed"}, "columns": columns}
    )
    assert list(definition.inputs) == ["kind", "speed"]
    assert list(definition.model_columns) == ["speed"]


def test_a_setting_at_its_default_is_not_in_the_hash() -> None:
    """One that is new to Everloop would otherwise make every definition another one."""
    hashes = {pump_failure(serving={"latency_slo_ms": slo, "fallback": 0.1}).hash for slo in (100, 100.0, 101)}
    assert len(hashes) == 2


def test_an_entity_that_is_the_row_id_is_carried_and_may_be_left_out() -> None:
    raw = {
        "name": "churn",
        "task": "binary-classification",
        "data": {"target": "churned", "entity": "customer", "row_id": ["customer"]},
        "columns": {"customer": {"type": "text", "nullable": False}, "age": "number", "churned": "boolean"},
    }
    definition = Definition.model_validate(raw)
    assert list(definition.inputs) == ["customer", "age"]
    assert definition.inputs["customer"].nullable
    assert list(definition.model_columns) == ["age"]
