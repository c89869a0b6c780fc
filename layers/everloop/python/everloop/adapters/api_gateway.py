"""API Gateway proxy events in, responses out; every error becomes an RFC 9457 problem document."""

import base64
import functools
import hashlib
import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from types import MappingProxyType
from typing import Any

from pydantic_core import from_json, to_json

from everloop.adapters.observability import logger
from everloop.errors import (
    BodyTooLargeError,
    MalformedBodyError,
    ModelUnavailableError,
    RequestError,
    StorageError,
    UnsupportedMediaTypeError,
)

MAXIMUM_BODY_BYTES = 6_000_000
"""Lambda takes 6 MB of request; a little less, so that the refusal is ours and readable."""

_OF_FILES = {
    "Cache-Control": "private, max-age=31536000, immutable",
    "Content-Security-Policy": "default-src 'none'; sandbox",
    "X-Content-Type-Options": "nosniff",
}
"""An SVG that is opened by itself may run scripts: these hold none, and could not run any."""

_JSON = "application/json"
_BINARY = "application/octet-stream"
_UTF_8 = {"utf-8", "utf8"}

Event = dict[str, Any]
Response = dict[str, Any]
Refuse = Callable[[int, str, str, Sequence[dict[str, Any]]], Response]
"""Status, title, detail and the problems of single values become an answer."""


def api_handler(handle: Callable[[Event], Response]) -> Callable[[Event, object], Response]:
    """Turn `handle(event) -> response` into a Lambda handler that answers 4xx and 503 as problem documents."""

    @functools.wraps(handle)
    def lambda_handler(event: Event, context: object) -> Response:
        return answered(handle, event, problem)

    return lambda_handler


def answered(handle: Callable[[Event], Response], event: Event, refuse: Refuse) -> Response:
    """What `handle` answers, or a refusal in the words of the caller's protocol."""
    try:
        return handle(event)
    except RequestError as error:
        return refuse(error.status, error.title, error.detail, error.problems)
    except ModelUnavailableError as error:
        logger.error("no model and no fallback can answer", extra={"reason": str(error)})
        return refuse(503, "No model can answer", str(error), ())
    except StorageError:
        logger.exception("storage failed")
        return refuse(503, "Storage is not reachable", "look whether it took effect before sending it again", ())


def respond(body: Any, status: int = 200) -> Response:
    """Four times as fast as the standard library; JSON knows no NaN, so null stands for it."""
    return _response(status, _JSON, to_json(body, inf_nan_mode="null").decode())


def respond_binary(body: bytes, headers: Mapping[str, str]) -> Response:
    """API Gateway decodes it for callers whose `Accept` begins with application/octet-stream."""
    return _response(200, _BINARY, base64.b64encode(body).decode(), headers) | {"isBase64Encoded": True}


def respond_empty(status: int = 200) -> Response:
    return _response(status, _JSON, "")


def respond_text(body: str, content_type: str) -> Response:
    """A file of a version, which never changes; a browser shall take it for nothing but what it says it is."""
    return _response(200, content_type, body, _OF_FILES)


def respond_tagged(
    event: Event, body: str, content_type: str, headers: Mapping[str, str] = MappingProxyType({}), *, max_age_s: int
) -> Response:
    """What changes with a deploy only: 304 for who asks again, and has it still."""
    tag = f'"{hashlib.sha256(body.encode()).hexdigest()[:32]}"'
    caching = {"Cache-Control": f"private, max-age={max_age_s}", "ETag": tag, **headers}
    given = {name.lower(): value for name, value in (event.get("headers") or {}).items()}
    if tag in given.get("if-none-match", ""):
        return {"statusCode": 304, "headers": caching, "body": ""}
    return _response(200, content_type, body, caching)


def problem(status: int, title: str, detail: str, problems: Sequence[dict[str, Any]] = ()) -> Response:
    """RFC 9457, with `errors` naming row, column, expected and got of each wrong cell."""
    document: dict[str, Any] = {"type": "about:blank", "title": title, "status": status, "detail": detail}
    if problems:
        document["errors"] = problems
    return refusal(status, document, "application/problem+json")


def refusal(status: int, document: dict[str, Any], content_type: str = _JSON) -> Response:
    body = json.dumps(document, ensure_ascii=False).encode(errors="replace").decode()  # names may be lone surrogates
    return _response(status, content_type, body)


def path_parameter(event: Event, name: str) -> str:
    return str(event["pathParameters"][name])


class ApiRequest:
    """A proxy event as protocols read it; each method raises RequestError for what it cannot give."""

    def __init__(self, event: Event) -> None:
        self._event = event
        self.parameters: Mapping[str, str] = event.get("pathParameters") or {}
        """Of the path."""

    def header(self, name: str) -> str:
        """Empty when it was not sent; `name` in lower case."""
        for given, value in (self._event.get("headers") or {}).items():
            if given == name or given.lower() == name:
                return value or ""
        return ""

    @cached_property
    def media_type(self) -> str:
        """Of the body, in lower case and without parameters; empty where none was named."""
        encoding = self.header("content-encoding").strip().lower()
        if encoding not in ("", "identity"):
            raise UnsupportedMediaTypeError(f"expected a body as it is, got Content-Encoding {encoding[:80]!r}")
        content_type = self.header("content-type")
        if content_type == _JSON:
            return _JSON
        kind, *parameters = (part.strip().lower() for part in content_type.split(";"))
        for parameter in parameters:
            name, _, value = parameter.partition("=")
            if name.strip() == "charset" and value.strip(' "') not in _UTF_8:
                raise UnsupportedMediaTypeError(f"expected UTF-8, got charset {value[:80]!r}")
        return kind

    def json(self) -> Any:
        """The document of the body; raises MalformedBodyError that says where the JSON breaks."""
        if self.media_type not in ("", _JSON):
            raise UnsupportedMediaTypeError(
                f"expected {_JSON}, got {self.media_type[:80]!r}; send the header Content-Type: {_JSON}"
            )
        return self.read_json(self.text())

    def text(self) -> str:
        if not self._event.get("isBase64Encoded"):
            return self._sent()
        try:
            return self.content().decode()
        except ValueError as error:
            raise MalformedBodyError(f"expected UTF-8, got bytes that are not: {error}") from error

    def content(self) -> bytes:
        """The bytes of the body; of one that came as text, its UTF-8."""
        if not self._event.get("isBase64Encoded"):
            return self._sent().encode("utf-8", "surrogatepass")
        try:
            return base64.b64decode(self._sent(), validate=True)
        except ValueError as error:  # binascii.Error is one
            raise MalformedBodyError(f"expected a body in base64, got one that is not: {error}") from error

    def read_json(self, text: str) -> Any:
        """What the strict reader makes of a part of the body."""
        return read_json(text)

    def _sent(self) -> str:
        text = self._event.get("body") or ""
        size = len(text.encode("utf-8", "surrogatepass"))
        if size > MAXIMUM_BODY_BYTES:
            raise BodyTooLargeError(
                f"expected at most {MAXIMUM_BODY_BYTES} bytes, got {size}; send fewer rows at a time"
            )
        return text


def json_body(event: Event) -> Any:
    """Raises BodyTooLargeError, UnsupportedMediaTypeError or MalformedBodyError that says where the JSON breaks."""
    return ApiRequest(event).json()


def read_json(text: str) -> Any:
    """Raises MalformedBodyError that says where it breaks."""
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
        elif isinstance(value, dict):
            keys += len(value)
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
