"""What a protocol is given and what it gives back."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, Protocol

from everloop.contracts.definition import Definition
from everloop.inference.readiness import Readiness
from everloop.inference.service import PredictionService, Reply

Problems = Sequence[dict[str, Any]]
"""Each with row, column, expected and got."""


class Request(Protocol):
    """An HTTP request; each method raises RequestError for what it cannot give."""

    parameters: Mapping[str, str]
    """Of the path."""

    def header(self, name: str) -> str:
        """Empty when it was not sent; `name` in lower case."""

    @property
    def media_type(self) -> str:
        """Of the body, in lower case and without parameters; empty where none was named."""

    def json(self) -> Any:
        """The document of a body that is JSON and says nothing else."""

    def text(self) -> str: ...

    def content(self) -> bytes: ...

    def read_json(self, text: str) -> Any:
        """A part of the body, as strictly as `json`."""


class Response(NamedTuple):
    body: dict[str, Any] | bytes | None = None
    """A JSON document, application/octet-stream, or nothing."""
    status: int = 200
    headers: Mapping[str, str] = {}


class Endpoint(NamedTuple):
    """What all protocols ask."""

    service: PredictionService
    readiness: Readiness
    definition: Callable[[str], Definition]
    """Of a model's name; raises NotFoundError."""
    models: Callable[[], Sequence[str]]
    report: Callable[[Definition, Reply], None]
    """Counts what was answered."""

    def definition_of(self, request: Request) -> Definition:
        """Raises NotFoundError."""
        return self.definition(request.parameters["model"])

    def answer(self, definition: Definition, rows: Sequence[dict[str, Any]], request: Request) -> Reply:
        """By the version in the path, if there is one; raises what PredictionService.answer does."""
        reply = self.service.answer(definition, rows, pinned_version=request.parameters.get("version"))
        self.report(definition, reply)
        return reply


Handle = Callable[[Request, Endpoint], Response]
Refuse = Callable[[int, str, Problems], dict[str, Any]]
"""Status, detail and the single values that are wrong become a document."""


class Route(NamedTuple):
    handle: Handle
    refuse: Refuse | None
    """None for problem documents (RFC 9457)."""


def told(detail: str, problems: Problems) -> str:
    """All in one text, for protocols of which errors are one."""
    cells = "; ".join(
        f"row {each['row']}, column {each['column']!r}: expected {each['expected']}, got {each['got']}"
        for each in problems
    )
    return f"{detail}: {cells}" if cells else detail
