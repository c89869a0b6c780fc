"""The OpenAPI 3.1 document of the whole HTTP API: typed for each model, made from the definitions alone."""

import re
from collections.abc import Sequence

from everloop import __version__
from everloop.contracts.definition import Definition
from everloop.inference.openapi.answers import PROBLEM, RECORDED, prediction_schema, predictions_schema
from everloop.inference.openapi.operation import (
    KEY_HOLDERS,
    OPERATORS,
    REFUSALS,
    VERSION,
    Document,
    Schema,
    in_path,
    json_content,
    operation,
    problem,
    schema_named,
    success,
)
from everloop.inference.openapi.operators import OPERATOR_ROUTES, OperatorRoute
from everloop.inference.openapi.protocols import PROTOCOL_SCHEMAS, of_server, protocols_of, tensors_schema
from everloop.inference.openapi.requests import (
    example_object,
    outcome_schema,
    outcomes_schema,
    row_schema,
    rows_schema,
)

KEY: Document = {"type": "apiKey", "in": "header", "name": "x-api-key", "description": "A key of the usage plan."}
SIGNATURE: Document = {
    "type": "apiKey",
    "in": "header",
    "name": "Authorization",
    "x-amazon-apigateway-authtype": "awsSigv4",
    "description": "AWS Signature Version 4 for the service execute-api.",
}
_NAMED = re.compile(r"{(\w+)}")
_NOT_OF_IDS = re.compile(r"\W+")


def openapi(definitions: Sequence[Definition]) -> Document:
    """The document; its server is the place where it lies itself."""
    schemas: dict[str, Schema] = {"Problem": PROBLEM, "Recorded": RECORDED, **PROTOCOL_SCHEMAS}
    operations: dict[str, Document] = {}
    for definition in definitions:
        schemas |= _schemas(definition)
        operations |= _of_model(definition, schemas) | protocols_of(definition, schemas)
    operations |= _of_api() | of_server()
    models = [definition.name for definition in definitions]
    operations |= {each.route: _of_operators(each, models) for each in OPERATOR_ROUTES}
    paths: dict[str, Document] = {}
    for route, described in operations.items():
        method, path = route.split(" ")
        paths.setdefault(path, {})[method.lower()] = described
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Everloop",
            "version": __version__,
            "description": "Predictions, the outcomes that followed them, and the models behind.",
        },
        "servers": [{"url": ".", "description": "Where this document lies."}],
        "tags": [
            *({"name": each.name, "description": each.description or each.task.value} for each in definitions),
            {"name": "API", "description": "What this API takes and answers, and whether it does."},
            {"name": "Operators", "description": "For IAM principals that may invoke these routes."},
        ],
        "paths": paths,
        "components": {
            "schemas": schemas,
            "responses": {str(status): problem(meaning) for status, meaning in REFUSALS.items()},
            "securitySchemes": {KEY_HOLDERS: KEY, OPERATORS: SIGNATURE},
        },
    }


def _schemas(definition: Definition) -> dict[str, Schema]:
    name = definition.name
    return {
        f"{name}.Row": row_schema(definition),
        f"{name}.Rows": rows_schema(schema_named(f"{name}.Row")),
        f"{name}.Prediction": prediction_schema(definition),
        f"{name}.Predictions": predictions_schema(name, schema_named(f"{name}.Prediction")),
        f"{name}.Outcome": outcome_schema(definition),
        f"{name}.Outcomes": outcomes_schema(schema_named(f"{name}.Outcome")),
        f"{name}.Tensors": tensors_schema(definition),
    }


def _of_model(definition: Definition, schemas: dict[str, Schema]) -> dict[str, Document]:
    name = definition.name
    row, outcome = example_object(schemas[f"{name}.Row"]), example_object(schemas[f"{name}.Outcome"])
    prediction = example_object(schemas[f"{name}.Prediction"])
    predicting: Document = {
        "body": json_content(f"{name}.Rows", {"rows": [row]}),
        "success": success(200, "Predictions.", json_content(f"{name}.Predictions", _answer(name, prediction))),
        "refusals": (400, 404, 413, 415, 422),
    }
    return {
        f"POST /models/{name}/predictions": operation(
            f"predict_{name}", "Answer rows.", name, KEY_HOLDERS, **predicting
        ),
        f"POST /models/{name}/versions/{{version}}/predictions": operation(
            f"predictByVersion_{name}",
            "Answer rows by one version and nobody else.",
            name,
            KEY_HOLDERS,
            parameters=[in_path("version", VERSION)],
            **predicting,
        ),
        f"POST /models/{name}/outcomes": operation(
            f"recordOutcomes_{name}",
            "Tell what really happened.",
            name,
            KEY_HOLDERS,
            body=json_content(f"{name}.Outcomes", {"outcomes": [outcome]}),
            success=success(202, "They were recorded.", json_content("Recorded", {"model": name, "recorded": 1})),
            refusals=(400, 404, 413, 415, 422),
        ),
    }


def _answer(model: str, prediction: Document) -> Document:
    return {"model": model, "version": prediction["version"], "predictions": [prediction]}


def _of_api() -> dict[str, Document]:
    document = {"application/json": {"schema": {"type": "object"}}}
    page = {"text/html": {"schema": {"type": "string"}}}
    unchanged = {"304": {"description": "It is still what the ETag of If-None-Match says."}}
    return {
        "GET /openapi.json": operation(
            "describe",
            "This document.",
            "API",
            KEY_HOLDERS,
            success=success(200, "OpenAPI 3.1.", document) | unchanged,
        ),
        "GET /docs": operation(
            "document", "The same for people.", "API", KEY_HOLDERS, success=success(200, "A page.", page) | unchanged
        ),
    }


def _of_operators(each: OperatorRoute, models: Sequence[str]) -> Document:
    method, path = each.route.split(" ")
    known = {"model": {"type": "string", "enum": list(models)}}
    if "/versions/{version}" in path:
        known["version"] = VERSION
    named = [in_path(name, known.get(name, {"type": "string"})) for name in _NAMED.findall(path)]
    asked = [
        {"name": name, "in": "query", "description": meaning, "schema": {"type": "string", "format": "date-time"}}
        for name, meaning in each.query.items()
    ]
    content = {each.media_type: {"schema": {"type": "object" if each.media_type == "application/json" else "string"}}}
    refusals = [400] * bool(asked or each.body) + [404] * bool(named) + [409] * (method == "POST")
    refusals += [413] * bool(each.body)
    return operation(
        _NOT_OF_IDS.sub("_", each.route).strip("_"),
        each.summary,
        "Operators",
        OPERATORS,
        parameters=[*named, *asked],
        body={"application/json": {"schema": each.body}} if each.body else None,
        is_optional="required" not in (each.body or {}),
        success=success(each.status, "As asked.", content),
        refusals=refusals,
    )
