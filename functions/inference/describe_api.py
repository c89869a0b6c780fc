"""Tell callers what the API takes and answers, as an OpenAPI document and as a page."""

import json
from collections.abc import Callable
from functools import cache
from typing import Any

from everloop.adapters.api_gateway import api_handler, respond_tagged
from everloop.adapters.definitions import known_models, load_definition
from everloop.inference.docs_page import CONTENT_SECURITY_POLICY, docs_page
from everloop.inference.openapi import Document, openapi

Event = dict[str, Any]


@cache
def document() -> Document:
    return openapi([load_definition(name) for name in known_models()])


def _openapi(event: Event) -> dict[str, Any]:
    return respond_tagged(event, json.dumps(document(), ensure_ascii=False), "application/json", {})


def _docs(event: Event) -> dict[str, Any]:
    headers = {
        "Content-Security-Policy": f"{CONTENT_SECURITY_POLICY}; frame-ancestors 'none'",
        "X-Content-Type-Options": "nosniff",
    }
    return respond_tagged(event, docs_page(document()), "text/html; charset=utf-8", headers)


ROUTES: dict[str, Callable[[Event], dict[str, Any]]] = {"/openapi.json": _openapi, "/docs": _docs}


@api_handler
def lambda_handler(event: Event) -> dict[str, Any]:
    return ROUTES[event["resource"]](event)
