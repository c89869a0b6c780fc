"""What docs/definition.md says of forecasts: its keys are those there are, and its example gives what is said."""

import re

from everloop.contracts.definition import parse_definition
from everloop.contracts.forecast import MAXIMUM_SEASONS, Forecast
from everloop.features.check import check_expressions
from tests.docs.markdown import REPOSITORY

TEXT = (REPOSITORY / "docs" / "definition.md").read_text("utf-8")
[SECTION] = re.findall(r"^## \[forecast\]\n(.*?)^## ", TEXT, re.MULTILINE | re.DOTALL)
HEAD = """
name = "hires"
task = "forecasting"
data = { target = "bikes", timestamp = "moment" }
columns = { moment = "timestamp", station = "category", bikes = "integer" }
"""


def test_the_keys_are_those_there_are() -> None:
    assert set(re.findall(r"^\| `(\w+)` \|", SECTION, re.MULTILINE)) == Forecast.model_fields.keys()
    assert f"at most {MAXIMUM_SEASONS}." in SECTION


def test_the_example_gives_the_histories_that_are_named() -> None:
    [example] = re.findall(r"^```toml\n(.*?)^```", SECTION, re.MULTILINE | re.DOTALL)
    definition = parse_definition(HEAD + example, source="hires.toml")
    check_expressions(definition)
    assert set(re.findall(r"`((?:lag|mean)_\d+\w)`", SECTION)) == definition.histories.keys()
