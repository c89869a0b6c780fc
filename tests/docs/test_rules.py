"""What docs/definition.md says of rules, of trials before a promotion and of personal data is what the code says."""

import re

import pytest

from everloop.contracts.columns import Column
from everloop.contracts.definition import Definition, parse_definition
from everloop.contracts.sections import Promotion, Rule, Serving
from everloop.contracts.traffic import Canary, Guardrails, Shadow
from everloop.errors import DefinitionError
from everloop.features.check import check_expressions
from tests.docs.markdown import REPOSITORY, Snippet, blocks

PAGE = REPOSITORY / "docs" / "definition.md"
SECTIONS = dict(re.findall(r"^## (.+?)\n(.*?)(?=^## |\Z)", PAGE.read_text("utf-8"), re.MULTILINE | re.DOTALL))
EXAMPLES = [block for block in blocks("toml") if block.page == PAGE and "[[serving.rules]]" in block.text]
[REFUSED_RULES] = re.findall(
    r"^\| you wrote in `when` .*\n\|[-|]+\n((?:\|.*\n)+)", SECTIONS["What is refused, and how it is said"], re.MULTILINE
)

FLIGHTS = """
name = "flights"
task = "binary-classification"
data = { target = "late" }
[columns]
late = "boolean"
distance = "number"
status = "category"
at = "timestamp"
[features]
is_weekend = "dayofweek(at) IN (0, 6)"
"""
PUMP = """
name = "pump"
task = "binary-classification"
data = {{ target = "broken" }}
[columns]
speed = "number"
broken = "boolean"
[[serving.rules]]
name = "at-rest"
when = "{when}"
answer = 0
"""


def keys(section: str) -> set[str]:
    """What its tables list."""
    tables = re.findall(r"^\| key .*\n\|[-|]+\n((?:\|.*\n)+)", SECTIONS[section], re.MULTILINE)
    return {row.split("|")[1].strip(" `") for table in tables for row in table.splitlines()}


def test_the_keys_are_those_there_are() -> None:
    assert keys("[[serving.rules]]") == Rule.model_fields.keys()
    assert keys("[serving]") == Serving.model_fields.keys()
    assert keys("[columns.&lt;name&gt;]") == Column.model_fields.keys()
    trials = {f"canary.{name}" for name in Canary.model_fields} | {f"shadow.{name}" for name in Shadow.model_fields}
    tables = {name for name in trials if not name.endswith(".guardrails")} | Guardrails.model_fields.keys()
    assert keys("[promotion]") == (Promotion.model_fields.keys() - {"canary", "shadow"}) | tables


def compiled(toml: str) -> Definition:
    definition = parse_definition(toml, source=f"{'pump' if 'pump' in toml else 'flights'}.toml")
    check_expressions(definition)
    return definition


@pytest.mark.parametrize("example", EXAMPLES, ids=str)
def test_an_example_of_rules_compiles(example: Snippet) -> None:
    assert compiled(f"{FLIGHTS}\n{example.text}").serving.rules


def test_an_example_of_a_canary_is_one() -> None:
    [example] = [block for block in blocks("toml") if block.page == PAGE and "[promotion.canary]" in block.text]
    promotion = compiled(f"{FLIGHTS}\n{example.text}").promotion
    assert (promotion.mode, promotion.canary.guardrails.maximum_fallback_share) == ("canary", 0.005)


@pytest.mark.parametrize("row", REFUSED_RULES.splitlines())
def test_a_wrong_rule_is_refused_in_these_words(row: str) -> None:
    when, told = re.findall("`([^`]+)`", row)
    with pytest.raises(DefinitionError) as refused:
        compiled(PUMP.format(when=when))
    assert str(refused.value) == told
