"""API Gateway in front of handlers, as a WSGI application: for clients that speak HTTP and nobody here wrote."""

import base64
import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from http import HTTPStatus
from socketserver import ThreadingMixIn
from threading import Thread
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

KEY = "the-key"
BINARY = "application/octet-stream"
"""The one media type that the API registers as binary."""
STAGE = "/v1"
Handler = Callable[[dict[str, Any], object], dict[str, Any]]


class Gateway:
    """`routes`: method and path with its placeholders → handler. Every one of them asks for the key."""

    def __init__(self, routes: dict[str, Handler]) -> None:
        self._routes = routes

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        response = self._answer(environ)
        status = HTTPStatus(response["statusCode"])
        start_response(f"{status.value} {status.phrase}", list(response["headers"].items()))
        if response.get("isBase64Encoded") and environ.get("HTTP_ACCEPT") == BINARY:
            return [base64.b64decode(response["body"])]
        return [response["body"].encode()]

    def _answer(self, environ: dict[str, Any]) -> dict[str, Any]:
        headers = dict(_headers(environ))
        if headers.get("x-api-key") != KEY:
            return _forbidden("The API key is missing or wrong")
        path = environ["PATH_INFO"].encode("latin-1").decode(errors="replace")
        if not path.startswith(f"{STAGE}/"):
            return _forbidden("No such stage")
        path = path.removeprefix(STAGE)
        for route, handler in self._routes.items():
            method, resource = route.split(" ")
            match = re.fullmatch(re.sub(r"{(\w+)}", r"(?P<\1>[^/]+)", resource), path)
            if match and method == environ["REQUEST_METHOD"]:
                body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
                is_binary = headers.get("content-type") == BINARY
                sent = base64.b64encode(body) if is_binary else body
                event = {
                    "resource": resource,
                    "path": path,
                    "httpMethod": method,
                    "headers": headers,
                    "pathParameters": match.groupdict() or None,
                    "queryStringParameters": None,
                    "requestContext": {"resourcePath": resource, "path": f"{STAGE}{path}"},
                    "body": sent.decode(errors="replace") or None,
                    "isBase64Encoded": is_binary,
                }
                return handler(event, None)
        return _forbidden("No such route, or the request is not signed")


@contextmanager
def served(application: Any) -> Iterator[str]:
    """The application on this machine, without its scheme: `127.0.0.1:43210`."""
    with make_server("127.0.0.1", 0, application, server_class=_Server, handler_class=_Quiet) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


class _Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True  # they wait on connections that clients keep


class _Quiet(WSGIRequestHandler):
    def get_environ(self) -> dict[str, Any]:
        """Without the text/plain that wsgiref takes for what no client sent."""
        return super().get_environ() | {"CONTENT_TYPE": self.headers.get("Content-Type", "")}

    def log_message(self, format: str, *args: Any) -> None:
        """Not into the test's output."""


def _headers(environ: dict[str, Any]) -> Iterator[tuple[str, str]]:
    for name, value in environ.items():
        if name.startswith("HTTP_") or name == "CONTENT_TYPE":
            yield name.removeprefix("HTTP_").replace("_", "-").lower(), value


def _forbidden(title: str) -> dict[str, Any]:
    body = f'{{"title": "{title}", "status": 403, "detail": "as API Gateway says it"}}'
    return {"statusCode": 403, "headers": {"Content-Type": "application/problem+json"}, "body": body}
