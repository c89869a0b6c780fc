"""Requests in every protocol through the code of the handler, on fakes."""

import base64
import json
from collections.abc import Mapping
from datetime import timedelta
from typing import Any, NamedTuple

from everloop.contracts.definition import Definition
from everloop.errors import NotFoundError
from everloop.inference.predictor import Predictor
from everloop.inference.protocols.protocol import Endpoint
from everloop.inference.readiness import Readiness
from everloop.inference.service import PredictionService
from everloop.inference.versions import Versions
from everloop.registry.promotion import promote
from everloop.stores.registry import ModelRegistry
from functions.inference import predict
from tests.fakes import FixedClock, InMemoryObjectStore, InMemoryQueue
from tests.histories import no_history
from tests.samples import NOW, event, register

BINARY = "application/octet-stream"


class Answer(NamedTuple):
    status: int
    headers: dict[str, str]
    content: bytes

    @property
    def document(self) -> Any:
        return json.loads(self.content)


class World:
    """Each model is a version of the definition that was promoted after the one before."""

    def __init__(self, definition: Definition, *models: bytes) -> None:
        self.definition = definition
        self.objects, self.queue, clock = InMemoryObjectStore(), InMemoryQueue(), FixedClock(NOW)
        registry = ModelRegistry(self.objects)
        for number, model in enumerate(models):
            version = register(registry, definition.name, f"run-{number}", model)
            registry.change_aliases(
                definition.name,
                lambda aliases, version=version: promote(aliases, version, at=NOW, reason="", by="test"),  # type: ignore[misc]
            )
        versions = Versions(self.objects, clock, timedelta(seconds=1))
        predictor = Predictor(versions, no_history(clock), lambda _: None)
        service = PredictionService(predictor, self.queue, clock)
        self.endpoint = Endpoint(service, Readiness(versions), self._load, lambda: (definition.name,), predict.report)

    def _load(self, name: str) -> Definition:
        if name != self.definition.name:
            raise NotFoundError(f"no model is called {name!r}; deployed models: {self.definition.name}")
        return self.definition

    def ask(
        self,
        route: str,
        body: Any = None,
        *,
        headers: Mapping[str, str] | None = None,
        model: str | None = None,
        version: str = "1",
    ) -> Answer:
        """`body` is sent as it is if it is text or bytes, and as JSON otherwise."""
        sent = body if body is None or isinstance(body, str | bytes) else json.dumps(body)
        request = proxy_event(route, sent, headers or {}, model=model or self.definition.name, version=version)
        return taken(predict.respond_to(request, self.endpoint))

    def logged(self) -> list[dict[str, Any]]:
        return [json.loads(message) for message in self.queue.messages]


def proxy_event(
    route: str, body: str | bytes | None, headers: Mapping[str, str], *, model: str, version: str
) -> dict[str, Any]:
    """As API Gateway makes it: bytes of the registered type as base64, all else as text."""
    method, resource = route.split(" ")
    named = {"model": model, "version": version}
    sent = {"Content-Type": "application/json", "Host": "example.execute-api.eu-central-1.amazonaws.com", **headers}
    is_binary = body is not None and sent["Content-Type"] == BINARY
    if is_binary and isinstance(body, str):
        body = body.encode("utf-8", "surrogatepass")
    if isinstance(body, bytes):
        body = (base64.b64encode(body) if is_binary else body).decode(errors="replace")
    return event("inference/predict.json") | {
        "httpMethod": method,
        "resource": resource,
        "path": resource.format(**named),
        "headers": {name: value for name, value in sent.items() if value},
        "pathParameters": {name: value for name, value in named.items() if f"{{{name}}}" in resource} or None,
        "body": body,
        "isBase64Encoded": is_binary,
    }


def taken(response: Mapping[str, Any]) -> Answer:
    """What the caller gets who takes bytes."""
    body = response["body"]
    content = base64.b64decode(body) if response.get("isBase64Encoded") else body.encode()
    return Answer(response["statusCode"], response["headers"], content)
