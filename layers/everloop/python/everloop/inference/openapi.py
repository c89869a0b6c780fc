"""The OpenAPI 3.1 document of the whole HTTP API: typed for each model, made from the definitions alone."""

import re
from collections.abc import Iterable, Sequence
from typing import Any

from everloop import __version__
from everloop.contracts.definition import Definition
from everloop.inference.answer_schema import PROBLEM, RECORDED, prediction_schema, predictions_schema
from everloop.inference.operator_routes import OPERATOR_ROUTES, OperatorRoute
from everloop.inference.request_schema import (
    Schema,
    example_object,
    outcome_schema,
    outcomes_schema,
    row_schema,
    rows_schema,
)

Document = dict[str, Any]

KEY: Document = {"type": "apiKey", "in": "header", "name": "x-api-key", "description": "A key of the usage plan."}
SIGNATURE: Document = {
    "type": "apiKey",
    "in": "header",
    "name": "Authorization",
    "x-amazon-apigateway-authtype": "awsSigv4",
    "description": "AWS Signature Version 4 for the service execute-api.",
}
REFUSALS: dict[int, str] = {
    400: "The body or a parameter cannot be read.",
    403: "The key or the signature is missing or wrong, or there is no such route.",
    404: "There is no such model, version, or other thing that the path names; the detail lists those there are.",
    409: "The present state does not allow it.",
    413: "The body is over 6,000,000 bytes.",
    415: "The content type is not one that is read.",
    422: "Some values do not fit the model's definition: `errors` names each, with row and column.",
    429: "Too many requests: wait a moment and try again.",
    503: "No model and no constant can answer, or storage is not reachable: send it again.",
}
_ALWAYS = (403, 429, 503)
KEY_HOLDERS = "key"
OPERATORS = "signature"
_VERSION: Schema = {"type": "integer", "minimum": 1}
_NAMED = re.compile(r"{(\w+)}")
_NOT_OF_IDS = re.compile(r"\W+")


def openapi(definitions: Sequence[Definition]) -> Document:
    """The document; its server is the place where it lies itself."""
    schemas: dict[str, Schema] = {"Problem": PROBLEM, "Recorded": RECORDED}
    operations: dict[str, Document] = {}
    for definition in definitions:
        schemas |= _schemas(definition)
        operations |= _of_model(definition, schemas)
    operations |= _of_api()
    models = [definition.name for definition in definitions]
    operations |= {each.route: _of_operators(each, models) for each in OPERATOR_ROUTES}
    paths: dict[str, Document] = {}
    for route, operation in operations.items():
        method, path = route.split(" ")
        paths.setdefault(path, {})[method.lower()] = operation
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
            {"name": "API", "description": "What this API takes and answers."},
            {"name": "Operators", "description": "For IAM principals that may invoke these routes."},
        ],
        "paths": paths,
        "components": {
            "schemas": schemas,
            "responses": {str(status): _problem(meaning) for status, meaning in REFUSALS.items()},
            "securitySchemes": {KEY_HOLDERS: KEY, OPERATORS: SIGNATURE},
        },
    }


def _schemas(definition: Definition) -> dict[str, Schema]:
    name = definition.name
    return {
        f"{name}.Row": row_schema(definition),
        f"{name}.Rows": rows_schema(_schema_named(f"{name}.Row")),
        f"{name}.Prediction": prediction_schema(definition),
        f"{name}.Predictions": predictions_schema(name, _schema_named(f"{name}.Prediction")),
        f"{name}.Outcome": outcome_schema(definition),
        f"{name}.Outcomes": outcomes_schema(_schema_named(f"{name}.Outcome")),
    }


def _of_model(definition: Definition, schemas: dict[str, Schema]) -> dict[str, Document]:
    name = definition.name
    row, outcome = example_object(schemas[f"{name}.Row"]), example_object(schemas[f"{name}.Outcome"])
    prediction = example_object(schemas[f"{name}.Prediction"])
    predicting: Document = {
        "body": _json(f"{name}.Rows", {"rows": [row]}),
        "success": _success(200, "Predictions.", _json(f"{name}.Predictions", _answer(name, prediction))),
        "refusals": (400, 404, 413, 415, 422),
    }
    return {
        f"POST /models/{name}/predictions": _operation(
            f"predict_{name}", "Answer rows.", name, KEY_HOLDERS, **predicting
        ),
        f"POST /models/{name}/versions/{{version}}/predictions": _operation(
            f"predictByVersion_{name}",
            "Answer rows by one version and nobody else.",
            name,
            KEY_HOLDERS,
            parameters=[_in_path("version", _VERSION)],
            **predicting,
        ),
        f"POST /models/{name}/outcomes": _operation(
            f"recordOutcomes_{name}",
            "Tell what really happened.",
            name,
            KEY_HOLDERS,
            body=_json(f"{name}.Outcomes", {"outcomes": [outcome]}),
            success=_success(202, "They were recorded.", _json("Recorded", {"model": name, "recorded": 1})),
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
        "GET /openapi.json": _operation(
            "describe",
            "This document.",
            "API",
            KEY_HOLDERS,
            success=_success(200, "OpenAPI 3.1.", document) | unchanged,
        ),
        "GET /docs": _operation(
            "document", "The same for people.", "API", KEY_HOLDERS, success=_success(200, "A page.", page) | unchanged
        ),
    }


def _of_operators(each: OperatorRoute, models: Sequence[str]) -> Document:
    method, path = each.route.split(" ")
    known = {"model": {"type": "string", "enum": list(models)}}
    if "/versions/{version}" in path:
        known["version"] = _VERSION
    named = [_in_path(name, known.get(name, {"type": "string"})) for name in _NAMED.findall(path)]
    asked = [
        {"name": name, "in": "query", "description": meaning, "schema": {"type": "string", "format": "date-time"}}
        for name, meaning in each.query.items()
    ]
    success = {each.media_type: {"schema": {"type": "object" if each.media_type == "application/json" else "string"}}}
    refusals = [400] * bool(asked or each.body) + [404] * bool(named) + [409] * (method == "POST")
    refusals += [413] * bool(each.body)
    return _operation(
        _NOT_OF_IDS.sub("_", each.route).strip("_"),
        each.summary,
        "Operators",
        OPERATORS,
        parameters=[*named, *asked],
        body={"application/json": {"schema": each.body}} if each.body else None,
        is_optional="required" not in (each.body or {}),
        success=_success(each.status, "As asked.", success),
        refusals=refusals,
    )


def _operation(
    operation_id: str,
    summary: str,
    tag: str,
    security: str,
    *,
    success: Document,
    refusals: Iterable[int] = (),
    parameters: Sequence[Document] = (),
    body: Document | None = None,
    is_optional: bool = False,
) -> Document:
    answers = {str(status): {"$ref": f"#/components/responses/{status}"} for status in sorted({*refusals, *_ALWAYS})}
    operation: Document = {
        "operationId": operation_id,
        "summary": summary,
        "tags": [tag],
        "security": [{security: []}],
        "responses": success | answers,
    }
    if parameters:
        operation["parameters"] = list(parameters)
    if body:
        operation["requestBody"] = {"required": not is_optional, "content": body}
    return operation


def _success(status: int, meaning: str, content: Document) -> Document:
    return {str(status): {"description": meaning, "content": content}}


def _problem(meaning: str) -> Document:
    return {"description": meaning, "content": {"application/problem+json": {"schema": _schema_named("Problem")}}}


def _json(schema: str, example: Any) -> Document:
    return {"application/json": {"schema": _schema_named(schema), "examples": {"one": {"value": example}}}}


def _schema_named(name: str) -> Schema:
    return {"$ref": f"#/components/schemas/{name}"}


def _in_path(name: str, schema: Schema) -> Document:
    return {"name": name, "in": "path", "required": True, "schema": schema}
