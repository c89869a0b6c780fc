"""API Gateway proxy events in, responses out; every error becomes an RFC 9457 problem document."""

import base64
import functools
import json
from collections import Counter
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from pydantic_core import from_json

from everloop.adapters.observability import logger
from everloop.errors import BodyTooLargeError, MalformedBodyError, ModelUnavailableError, RequestError, StorageError

MAXIMUM_BODY_BYTES = 6_000_000
"""Lambda takes 6 MB of request; a little less, so that the refusal is ours and readable."""

_OF_FILES = {
    "Cache-Control": "private, max-age=31536000, immutable",
    "Content-Security-Policy": "default-src 'none'; sandbox",
    "X-Content-Type-Options": "nosniff",
}
"""An SVG that is opened by itself may run scripts: these hold none, and could not run any."""

Event = dict[str, Any]
Response = dict[str, Any]


def api_handler(handle: Callable[[Event], Response]) -> Callable[[Event, object], Response]:
    """Turn `handle(event) -> response` into a Lambda handler that answers 4xx and 503 as problem documents."""

    @functools.wraps(handle)
    def lambda_handler(event: Event, context: object) -> Response:
        try:
            return handle(event)
        except RequestError as error:
            return problem(error.status, error.title, error.detail, problems=error.problems)
        except ModelUnavailableError as error:
            logger.error("no model and no fallback can answer", extra={"reason": str(error)})
            return problem(503, "No model can answer", str(error))
        except StorageError:
            logger.exception("storage failed")
            return problem(503, "Storage is not reachable", "look whether it took effect before sending it again")

    return lambda_handler


def respond(body: Any, status: int = 200) -> Response:
    return _response(status, "application/json", json.dumps(body, allow_nan=False, ensure_ascii=False))


def respond_text(body: str, content_type: str) -> Response:
    """A file of a version, which never changes; a browser shall take it for nothing but what it says it is."""
    return _response(200, content_type, body, _OF_FILES)


def problem(status: int, title: str, detail: str, *, problems: list[dict[str, Any]] | None = None) -> Response:
    """RFC 9457, with `errors` naming row, column, expected and got of each wrong cell."""
    document: dict[str, Any] = {"type": "about:blank", "title": title, "status": status, "detail": detail}
    if problems:
        document["errors"] = problems
    body = json.dumps(document, ensure_ascii=False).encode(errors="replace").decode()  # names may be lone surrogates
    return _response(status, "application/problem+json", body)


def path_parameter(event: Event, name: str) -> str:
    return str(event["pathParameters"][name])


def json_body(event: Event) -> Any:
    """Raises BodyTooLargeError or MalformedBodyError that says where the JSON breaks."""
    text = event.get("body") or ""
    size = len(text.encode("utf-8", "surrogatepass"))
    if size > MAXIMUM_BODY_BYTES:
        raise BodyTooLargeError(f"expected at most {MAXIMUM_BODY_BYTES} bytes, got {size}; send fewer rows at a time")
    if event.get("isBase64Encoded"):
        try:
            text = base64.b64decode(text, validate=True).decode()
        except ValueError as error:  # binascii.Error and UnicodeDecodeError are ones, too
            raise MalformedBodyError(f"expected UTF-8 JSON, got bytes that are not: {error}") from error
    if not text.strip():
        raise MalformedBodyError("expected a JSON object, got an empty body")
    try:
        document = from_json(text, allow_inf_nan=False)
    except (ValueError, TypeError):  # Python's parser says better what is wrong, if anything is
        return _read_slowly(text)
    return document if _is_surely_unique(document, text) else _read_slowly(text)


def _is_surely_unique(document: Any, text: str) -> bool:
    """Whether each key of the text is in the document, as far as can be seen fast: none was overwritten by its like.

    Every key has a colon behind it, so if there are no more colons than keys in the document, no key got lost. Texts
    may hold colons, too, such as moments; then those behind a quote are counted, if no colon stands behind a space.
    """
    if not isinstance(document, dict):
        return False
    keys = len(document)
    for value in document.values():
        if isinstance(value, list):
            keys += sum([len(each) for each in value if isinstance(each, dict)])
    if text.count(":") == keys:
        return True
    is_spaced = any(space in text and f"{space}:" in text for space in " \t\n\r")
    return not is_spaced and text.count('":') == keys


def _read_slowly(text: str) -> Any:
    try:
        return json.loads(text, parse_constant=_refuse_constant, object_pairs_hook=_unique_object)
    except json.JSONDecodeError as error:
        raise MalformedBodyError(f"expected JSON; line {error.lineno}, column {error.colno}: {error.msg}") from error
    except RecursionError as error:
        raise MalformedBodyError("expected rows of plain values, got arrays or objects nested too deeply") from error
    except ValueError as error:  # an integer of more digits than Python reads, or one of the two below
        raise MalformedBodyError(f"expected JSON: {error}") from error


def _refuse_constant(token: str) -> Any:
    raise ValueError(f"{token} is not JSON; send null for a missing number")


def _unique_object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) != len(pairs):
        counts = Counter(name for name, _ in pairs)
        raise ValueError(f"key {counts.most_common(1)[0][0][:80]!r} is given twice in one object")
    return result


def _response(status: int, content_type: str, body: str, more: Mapping[str, str] = MappingProxyType({})) -> Response:
    return {"statusCode": status, "headers": {"Content-Type": content_type, **more}, "body": body}
