"""The OpenAPI document is valid, follows from the definitions alone, and its examples are what it says."""

import json
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from openapi_spec_validator import OpenAPIV31SpecValidator

from everloop.contracts.definition import Definition
from everloop.inference.openapi.document import openapi
from everloop.inference.openapi.operation import Document
from tests.samples import pump_failure
from tests.unit.inference.test_openapi_requests import DEFINITIONS

BY_NAME = {definition.name: definition for definition in DEFINITIONS.values()}
DOCUMENT = openapi(list(BY_NAME.values()))


def resolved(schema: Document) -> Draft202012Validator:
    return Draft202012Validator(schema | {"components": DOCUMENT["components"]})


def operations() -> list[tuple[str, Document]]:
    return [
        (f"{method} {path}", each) for path, methods in DOCUMENT["paths"].items() for method, each in methods.items()
    ]


def test_it_is_openapi_3_1() -> None:
    OpenAPIV31SpecValidator(DOCUMENT).validate()  # type: ignore[arg-type]
    OpenAPIV31SpecValidator(openapi([])).validate()  # type: ignore[arg-type]


def test_the_same_definitions_give_the_same_bytes() -> None:
    assert json.dumps(openapi(list(BY_NAME.values()))) == json.dumps(DOCUMENT)


def test_it_is_json_without_anything_that_json_has_not() -> None:
    assert json.loads(json.dumps(DOCUMENT, allow_nan=False)) == DOCUMENT


def test_no_two_operations_have_one_id() -> None:
    ids = [each["operationId"] for _, each in operations()]
    assert len(set(ids)) == len(ids)


@pytest.mark.parametrize("operation", [pytest.param(each, id=name) for name, each in operations()])
def test_examples_are_what_the_schemas_take(operation: Document) -> None:
    contents = [response.get("content", {}) for response in operation["responses"].values()]
    contents.append(operation.get("requestBody", {}).get("content", {}))
    for content in contents:
        for media_type in content.values():
            for example in media_type.get("examples", {}).values():
                resolved(media_type["schema"]).validate(example["value"])


@pytest.mark.parametrize("operation", [pytest.param(each, id=name) for name, each in operations()])
def test_an_operation_says_who_may_call_it_and_what_else_can_happen(operation: Document) -> None:
    [security] = operation["security"]
    assert security.keys() <= DOCUMENT["components"]["securitySchemes"].keys()
    assert {"403", "429", "503"} <= operation["responses"].keys()


@pytest.mark.parametrize(
    ("definition", "fields"),
    [
        ("pump-failure", {"score", "label"}),
        ("every-column", {"score", "label"}),
        ("demand", {"value", "missing_lags"}),
        ("shop", {"items"}),
    ],
)
def test_a_prediction_has_the_fields_of_its_task(definition: str, fields: set[str]) -> None:
    schema = DOCUMENT["components"]["schemas"][f"{definition}.Prediction"]
    always = {"prediction_id", "version", "answered_by", "variant"}
    assert schema["properties"].keys() == always | fields
    assert set(schema["required"]) == (always | fields) - {"label"}


def answerers(definition: Definition) -> list[Any]:
    schema = openapi([definition])["components"]["schemas"][f"{definition.name}.Prediction"]
    names: list[Any] = schema["properties"]["answered_by"]["enum"]
    return names


def test_who_may_answer_is_what_the_definition_declares() -> None:
    models = ["model", "fallback:champion", "fallback:previous"]
    rule = {"name": "still", "when": "starts = 0", "answer": 0.01}
    assert answerers(pump_failure(serving={"rules": [rule]})) == ["rule:still", *models]
    assert answerers(pump_failure()) == [*models, "fallback:default"]
