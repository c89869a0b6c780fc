"""Tell callers what the API takes and answers, as an OpenAPI document and as a page."""

import json
from collections.abc import Callable
from functools import cache
from typing import Any

from everloop.adapters.api_gateway import api_handler, respond_tagged
from everloop.adapters.definitions import known_models, load_definition
from everloop.inference.docs_page import CONTENT_SECURITY_POLICY, docs_page
from everloop.inference.openapi.document import openapi
from everloop.inference.openapi.operation import Document
from everloop.settings import DescribeApiSettings

Event = dict[str, Any]


@cache
def described() -> tuple[Document, int]:
    """The document, and how many seconds it may be shown before it is asked for again."""
    settings = DescribeApiSettings.from_env()
    return openapi([load_definition(name) for name in known_models()]), settings.max_age_s


def _openapi(event: Event) -> dict[str, Any]:
    document, max_age_s = described()
    return respond_tagged(event, json.dumps(document, ensure_ascii=False), "application/json", max_age_s=max_age_s)


def _docs(event: Event) -> dict[str, Any]:
    document, max_age_s = described()
    headers = {
        "Content-Security-Policy": f"{CONTENT_SECURITY_POLICY}; frame-ancestors 'none'",
        "X-Content-Type-Options": "nosniff",
    }
    return respond_tagged(event, docs_page(document), "text/html; charset=utf-8", headers, max_age_s=max_age_s)


ROUTES: dict[str, Callable[[Event], dict[str, Any]]] = {"/openapi.json": _openapi, "/docs": _docs}


@api_handler
def lambda_handler(event: Event) -> dict[str, Any]:
    return ROUTES[event["resource"]](event)
