"""The Open Inference Protocol, version 2, over HTTP, with its extension for binary tensors.

Sources: kserve.github.io, "Open Inference Protocol (V2 Inference Protocol)"; Triton Inference Server, "Binary Tensor
Data Extension".
"""

import json
from collections.abc import Mapping
from typing import Any

from everloop import __version__
from everloop.contracts.definition import Definition
from everloop.contracts.registry import parse_version
from everloop.contracts.rows import shown
from everloop.errors import MalformedBodyError
from everloop.inference.protocols.protocol import Endpoint, Handle, Problems, Request, Response, told
from everloop.inference.protocols.tensors import Field, datatype_of, fields_of, to_rows, to_tensors
from everloop.inference.rows import is_unicode

_BINARY = "application/octet-stream"
_HEADER_LENGTH = "Inference-Header-Content-Length"
_PLATFORM = "onnxruntime_onnx"
ID_LENGTH = 1_000
"""It comes back, and Lambda takes 6 MB of answer."""
_KEYS = {"id", "inputs", "outputs", "parameters"}


def server(request: Request, endpoint: Endpoint) -> Response:
    return Response({"name": "everloop", "version": __version__, "extensions": ["binary_tensor_data"]})


def live(request: Request, endpoint: Endpoint) -> Response:
    return Response({"live": True})


def server_ready(request: Request, endpoint: Endpoint) -> Response:
    """Whether every model has something to answer with; none is loaded for it."""
    definitions = (endpoint.definition(name) for name in endpoint.models())
    return _readiness({}, all(endpoint.readiness.has_answer(definition) for definition in definitions))


def ready(request: Request, endpoint: Endpoint) -> Response:
    definition, version = _asked(request, endpoint)
    return _readiness({"name": definition.name}, endpoint.readiness.is_ready(definition, version))


def model(request: Request, endpoint: Endpoint) -> Response:
    definition, version = _asked(request, endpoint)
    if version is not None:
        endpoint.readiness.check_version(definition, version)
    inputs = [(name, datatype_of(column.type)) for name, column in definition.inputs.items()]
    return Response(
        {
            "name": definition.name,
            "versions": [str(each) for each in endpoint.readiness.versions(definition)],
            "platform": _PLATFORM,
            "inputs": [_metadata(name, datatype) for name, datatype in inputs],
            "outputs": [_metadata(field.name, field.datatype) for field in fields_of(definition)],
        }
    )


def infer(request: Request, endpoint: Endpoint) -> Response:
    definition = endpoint.definition_of(request)
    document, content = _read(request)
    if not isinstance(document, dict) or not document.keys() <= _KEYS:
        got = shown(document) if not isinstance(document, dict) else f"key {shown(min(document.keys() - _KEYS))}"
        raise MalformedBodyError(f"expected an object with 'inputs' and maybe 'id', 'outputs', 'parameters', got {got}")
    request_id = document.get("id")
    if request_id is not None and not _is_id(request_id):
        raise MalformedBodyError(f"id: expected a text of at most {ID_LENGTH} characters, got {shown(request_id)}")
    fields = _outputs(document, definition)
    rows = to_rows(document.get("inputs"), content, definition)
    reply = endpoint.answer(definition, rows, request)
    # API Gateway hands bytes on to those alone who say before all else that they take them.
    takes_bytes = request.header("accept").split(",")[0].split(";")[0].strip().lower() == _BINARY
    binary = [takes_bytes and is_binary for is_binary in fields.values()]
    tensors, behind = to_tensors(list(fields), reply.predictions, binary)
    answer: dict[str, Any] = {"model_name": reply.model}
    if reply.version is not None:
        answer["model_version"] = str(reply.version)
    if request_id is not None:
        answer["id"] = request_id
    answer["outputs"] = tensors
    if not any(binary):
        return Response(answer)
    header = json.dumps(answer, allow_nan=False, ensure_ascii=False).encode()
    return Response(header + behind, headers={_HEADER_LENGTH: str(len(header))})


ROUTES: dict[str, Handle] = {
    "GET /v2": server,
    "GET /v2/health/live": live,
    "GET /v2/health/ready": server_ready,
    "GET /v2/models/{model}": model,
    "GET /v2/models/{model}/versions/{version}": model,
    "GET /v2/models/{model}/ready": ready,
    "GET /v2/models/{model}/versions/{version}/ready": ready,
    "POST /v2/models/{model}/infer": infer,
    "POST /v2/models/{model}/versions/{version}/infer": infer,
}


def refuse(status: int, detail: str, problems: Problems) -> dict[str, Any]:
    return {"error": told(detail, problems)}


def _is_id(value: Any) -> bool:
    return isinstance(value, str) and len(value) <= ID_LENGTH and is_unicode(value)


def _asked(request: Request, endpoint: Endpoint) -> tuple[Definition, int | None]:
    definition = endpoint.definition_of(request)
    version = request.parameters.get("version")
    return definition, None if version is None else parse_version(definition.name, version)


def _readiness(about: dict[str, Any], is_ready: bool) -> Response:
    """By the protocol's letter, 200 is yes and 4xx no."""
    return Response({**about, "ready": is_ready}, 200 if is_ready else 400)


def _metadata(name: str, datatype: str) -> dict[str, Any]:
    return {"name": name, "datatype": datatype, "shape": [-1]}


def _read(request: Request) -> tuple[Any, bytes | None]:
    """The JSON, and the bytes behind it."""
    length = request.header(_HEADER_LENGTH.lower())
    if not length and request.media_type != _BINARY:
        return request.json(), None
    if request.media_type != _BINARY:
        raise MalformedBodyError(
            f"expected the Content-Type {_BINARY} beside {_HEADER_LENGTH}, got {request.media_type[:80]!r}; send it, "
            "or the tensors as JSON (binary_data=False)"
        )
    content = request.content()
    if length and not (length.isascii() and length.isdigit() and len(length) < 10 and int(length) <= len(content)):
        raise MalformedBodyError(f"{_HEADER_LENGTH}: expected at most {len(content)}, got {length[:80]!r}")
    size = int(length) if length else len(content)
    try:
        text = content[:size].decode()
    except UnicodeDecodeError as error:
        raise MalformedBodyError(f"expected UTF-8 JSON in the first {size} bytes: {error}") from error
    return request.read_json(text), content[size:]


def _outputs(document: Mapping[str, Any], definition: Definition) -> dict[Field, bool]:
    """Which fields are asked for, and whether as bytes."""
    parameters = document.get("parameters")
    for_all = isinstance(parameters, dict) and parameters.get("binary_data_output") is True
    known = {field.name: field for field in fields_of(definition)}
    wanted = document.get("outputs")
    if wanted is None or wanted == []:
        return dict.fromkeys(known.values(), for_all)
    if not isinstance(wanted, list):
        raise MalformedBodyError(f"outputs: expected a list, got {shown(wanted)}")
    fields = {}
    for output in wanted:
        name = output.get("name") if isinstance(output, dict) else output
        if not isinstance(output, dict) or not isinstance(name, str) or name not in known:
            names = ", ".join(known)
            raise MalformedBodyError(f"outputs: expected objects with a 'name' of {names}, got {shown(name)}")
        own = output.get("parameters")
        fields[known[name]] = (own.get("binary_data", for_all) if isinstance(own, dict) else for_all) is True
    return fields
