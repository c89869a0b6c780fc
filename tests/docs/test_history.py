"""What docs/definition.md says of history: its tables are those of the code, and its examples and refusals are real."""

import re

import pytest

from everloop.contracts.base import parse_duration
from everloop.contracts.definition import Definition, parse_definition
from everloop.contracts.history import AGGREGATES, History, HistoryFeature
from everloop.errors import DefinitionError
from everloop.features.check import check_expressions
from everloop.features.history.aggregates import TABLE
from everloop.features.history.compile import compile_history
from tests.docs.markdown import REPOSITORY, Snippet, blocks

PAGE = REPOSITORY / "docs" / "definition.md"
TEXT = PAGE.read_text("utf-8")
[SECTION] = re.findall(r"^## \[history\]\n(.*?)^## ", TEXT, re.MULTILINE | re.DOTALL)
EXAMPLES = [block for block in blocks("toml") if block.page == PAGE and "[history]" in block.text]
REFUSALS = re.findall(r"^\| `(\w+ = \{.*?\})` \| `(.*history\..*)` \|$", TEXT, re.MULTILINE)
PUMP = """
name = "pump"
task = "regression"
data = {{ target = "{target}", timestamp = "at", entity = "card" }}
[columns]
{columns}
"""
COLUMNS = {
    "at": "timestamp",
    "card": "category",
    "merchant": "category",
    "station": "integer",
    "amount": "number",
    "refused": "boolean",
    "chargeback": "integer",
    "demand": "number",
}


def define(text: str, columns: dict[str, str], target: str) -> Definition:
    declared = "\n".join(f'{name} = "{kind}"' for name, kind in columns.items())
    definition = parse_definition(f"{PUMP.format(target=target, columns=declared)}\n{text}", source="pump.toml")
    compile_history(definition)
    check_expressions(definition)
    return definition


def table(heading: str) -> list[list[str]]:
    """The cells below it, without backticks."""
    [rows] = re.findall(rf"^\| {heading} .*\n\|[-|]+\n((?:\|.*\n)+)", SECTION, re.MULTILINE)
    return [[cell.strip().replace("`", "") for cell in row.strip("|").split("|")] for row in rows.splitlines()]


def test_the_keys_are_those_there_are() -> None:
    assert {row[0] for row in table("key")} == History.model_fields.keys()


def test_the_aggregates_are_those_there_are() -> None:
    assert tuple(row[0] for row in table("aggregate")) == AGGREGATES
    for name, takes, _, without_events in table("aggregate"):
        assert without_events == ("0" if TABLE[name].empty == 0 else "null")
        assert (takes == "nothing" or "anything" in takes) == TABLE[name].takes_any


@pytest.mark.parametrize(("window", "step"), table("window"))
def test_a_window_has_the_step_that_is_said(window: str, step: str) -> None:
    feature = HistoryFeature(History.model_validate({"value": "count()", "over": window}), parse_duration(window))
    number, unit = step.split()
    seconds = {"second": 1, "minute": 60, "hour": 3_600, "day": 86_400}[unit.removesuffix("s")]
    assert feature.step.total_seconds() == int(number) * seconds


@pytest.mark.parametrize(("example", "target"), [*zip(EXAMPLES, ("chargeback", "demand"), strict=True)], ids=str)
def test_an_example_of_history_is_valid(example: Snippet, target: str) -> None:
    definition = define(example.text, COLUMNS, target)
    named = {name for name in definition.history_features if f"`{name}`" in SECTION}
    assert target == "demand" or named == {"card_rows_1h", "card_rows_1d", "card_rows_30d", "card_mean"}


@pytest.mark.parametrize(("wrote", "said"), REFUSALS)
def test_a_refusal_reads_as_it_is_said(wrote: str, said: str) -> None:
    columns = {"at": "timestamp", "speed": "number", "card": "number", "serial": "category", "broken": "integer"}
    with pytest.raises(DefinitionError) as caught:
        define(f"[history]\n{wrote}", columns, "broken")
    assert str(caught.value) == said


def test_refusals_are_shown() -> None:
    assert len(REFUSALS) >= 6
