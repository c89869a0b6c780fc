"""The protocols in which predictions are asked for: one file each, and one table of all routes."""

from everloop.inference.protocols import mlflow, open_inference, predictions
from everloop.inference.protocols.protocol import Route

PROTOCOLS = (predictions, open_inference, mlflow)

ROUTES: dict[str, Route] = {
    route: Route(handle, protocol.refuse) for protocol in PROTOCOLS for route, handle in protocol.ROUTES.items()
}
"""By method and path, as API Gateway names them: `POST /models/{model}/predictions`."""
