"""What operations of an OpenAPI document are made of."""

from collections.abc import Iterable, Sequence
from typing import Any

Document = dict[str, Any]
Schema = dict[str, Any]

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
_BY_GATEWAY = (403, 429)
KEY_HOLDERS = "key"
OPERATORS = "signature"
VERSION: Schema = {"type": "integer", "minimum": 1}


def operation(
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
    error: str | None = None,
) -> Document:
    """`refusals`: statuses beside those that every route may answer; `error`: the schema of what a protocol refuses
    with, where that is no problem document. What API Gateway refuses is one always."""
    statuses = sorted({*refusals, *_BY_GATEWAY, 503})
    answers = {
        str(status): {"$ref": f"#/components/responses/{status}"}
        if error is None or status in _BY_GATEWAY
        else {"description": REFUSALS[status], "content": {"application/json": {"schema": schema_named(error)}}}
        for status in statuses
    }
    described: Document = {
        "operationId": operation_id,
        "summary": summary,
        "tags": [tag],
        "security": [{security: []}],
        "responses": success | answers,
    }
    if parameters:
        described["parameters"] = list(parameters)
    if body:
        described["requestBody"] = {"required": not is_optional, "content": body}
    return described


def success(status: int, meaning: str, content: Document | None = None) -> Document:
    return {str(status): {"description": meaning} | ({"content": content} if content else {})}


def problem(meaning: str) -> Document:
    return {"description": meaning, "content": {"application/problem+json": {"schema": schema_named("Problem")}}}


def json_content(schema: str, example: Any) -> Document:
    return {"application/json": {"schema": schema_named(schema), "examples": {"one": {"value": example}}}}


def schema_named(name: str) -> Schema:
    return {"$ref": f"#/components/schemas/{name}"}


def in_path(name: str, schema: Schema) -> Document:
    return {"name": name, "in": "path", "required": True, "schema": schema}
