"""Every example of JSON and TOML on a page is one, and definitions and requests are accepted by the code they show."""

import json
import re
import tomllib
from datetime import UTC, datetime
from typing import Any

import pytest

from everloop.contracts.definition import Definition, load_definitions, parse_definition
from everloop.contracts.rows import parse_rows
from everloop.errors import InvalidRowsError
from everloop.features.check import check_expressions
from everloop.inference.protocols import ROUTES
from everloop.inference.records import parse_outcomes
from everloop.inference.rows import to_columns
from tests.asking import World
from tests.docs.markdown import REPOSITORY, SHELLS, Snippet, blocks, commands, whole_definitions

SHIPPED = list(load_definitions(REPOSITORY / "models"))


def definition_on_a_page(name: str) -> Definition:
    return parse_definition(whole_definitions()[name], source=f"{name}.toml")


def accepting(rows: list[dict[str, Any]]) -> list[Definition]:
    """The shipped models that could answer these rows."""
    found = []
    for definition in SHIPPED:
        try:
            to_columns(rows, definition)
        except InvalidRowsError:
            continue
        found.append(definition)
    return found


@pytest.mark.parametrize("block", blocks("toml"), ids=str)
def test_a_toml_block_is_toml(block: Snippet) -> None:
    tomllib.loads(block.text)


@pytest.mark.parametrize("name", whole_definitions())
def test_a_definition_on_a_page_is_valid(name: str) -> None:
    check_expressions(definition_on_a_page(name))


@pytest.mark.parametrize("block", blocks("json"), ids=str)
def test_a_json_block_is_json_and_a_request_is_accepted(block: Snippet) -> None:
    document = json.loads(block.text)
    if isinstance(document.get("rows"), list):  # not the count of an answer
        for definition in SHIPPED:
            parse_rows(document, definition)
        assert accepting(document["rows"]), "no shipped model takes these rows"
    if "outcomes" in document:
        assert any(parse_outcomes(document, definition, now=datetime.now(UTC)) for definition in SHIPPED)


@pytest.mark.parametrize("block", blocks(*SHELLS), ids=str)
def test_a_row_that_a_command_predicts_is_one_of_its_model(block: Snippet) -> None:
    definitions = {definition.name: definition for definition in SHIPPED}
    definitions |= {name: definition_on_a_page(name) for name in whole_definitions()}
    for command in commands(block):
        match command:
            case ["everloop", "predict", name, text, *_] if not text.startswith("@"):
                rows = json.loads(text)
                to_columns(rows if isinstance(rows, list) else [rows], definitions[name])
            case ["curl", url, *options, "-d", text] if url.endswith("/outcomes"):
                name = url.split("/")[-2]
                assert is_json(options)
                assert parse_outcomes(json.loads(text), definitions[name], now=datetime.now(UTC))
            case ["curl", url, *options, "-d", text]:
                [(route, name)] = [
                    (route, match[1])
                    for route in ROUTES
                    if (match := re.fullmatch(route.replace("{model}", "([^/]+)"), url.replace("$URL", "POST ")))
                ]
                assert is_json(options)
                assert World(definitions[name]).ask(route, text).status == 200


def is_json(options: list[str]) -> bool:
    """Or curl sends it as a form, which is refused."""
    return "Content-Type: application/json" in options
