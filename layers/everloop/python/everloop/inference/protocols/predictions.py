"""Everloop's own protocol: rows of columns in, predictions with their ids out."""

from everloop.contracts.rows import parse_rows
from everloop.inference.protocols.protocol import Endpoint, Handle, Request, Response

refuse = None


def predict(request: Request, endpoint: Endpoint) -> Response:
    definition = endpoint.definition_of(request)
    reply = endpoint.answer(definition, parse_rows(request.json(), definition), request)
    return Response({"model": reply.model, "version": reply.version, "predictions": reply.predictions})


ROUTES: dict[str, Handle] = {
    "POST /models/{model}/predictions": predict,
    "POST /models/{model}/versions/{version}/predictions": predict,
}
