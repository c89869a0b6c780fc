"""The protocols of others through API Gateway: bytes arrive and leave as they are."""

import json
import struct
from typing import Any

import pytest

from local.loop import Loop
from tests.e2e.pumps import readings, request_rows
from tests.e2e.web import Response, send

pytestmark = pytest.mark.server

MODEL = "pump-asked"
BINARY = "application/octet-stream"
KINDS = {str: "BYTES", float: "FP64", int: "INT64", bool: "BOOL"}
CELLS = {name: cell for name, cell in request_rows(readings(1, seed=1))[0].items() if cell is not None}


@pytest.fixture(scope="session")
def key(loop: Loop) -> dict[str, str]:
    return {"x-api-key": loop.target.api_key()}


def asked(loop: Loop, key: dict[str, str], path: str, body: bytes | None = None, **headers: str) -> Response:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return send("GET" if body is None else "POST", loop.target.api_url + path, body, key | named)


def outputs(document: dict[str, Any]) -> dict[str, Any]:
    return {each["name"]: each.get("data") for each in document["outputs"]}


def test_metadata_and_health_are_told(loop: Loop, key: dict[str, str]) -> None:
    assert asked(loop, key, "/v2").json()["name"] == "everloop"
    assert asked(loop, key, "/v2/health/live").status == 200
    assert asked(loop, key, f"/v2/models/{MODEL}/ready").json() == {"name": MODEL, "ready": True}
    assert "pressure" in {each["name"] for each in asked(loop, key, f"/v2/models/{MODEL}").json()["inputs"]}
    assert asked(loop, key, f"/v2/models/{MODEL}/versions/9/ready").status == 404
    assert (asked(loop, key, "/ping").status, asked(loop, key, "/ping").body) == (200, b"")
    assert asked(loop, {}, "/ping").status == 403


def test_tensors_are_answered_as_json_and_as_bytes(loop: Loop, key: dict[str, str]) -> None:
    about = [{"name": name, "shape": [1], "datatype": KINDS[type(cell)]} for name, cell in CELLS.items()]
    in_json = {"inputs": [tensor | {"data": [CELLS[tensor["name"]]]} for tensor in about]}
    path = f"/v2/models/{MODEL}/infer"
    found = outputs(asked(loop, key, path, json.dumps(in_json).encode()).json())
    assert (found["score"], found["answered_by"]) == ([0.1], ["fallback:default"])

    parts = [as_bytes(cell) for cell in CELLS.values()]
    sizes = [{"parameters": {"binary_data_size": len(part)}} for part in parts]
    inputs = [tensor | size for tensor, size in zip(about, sizes, strict=True)]
    header = json.dumps({"inputs": inputs, "parameters": {"binary_data_output": True}}).encode()
    body, length = header + b"".join(parts), str(len(header))
    answer = asked(loop, key, path, body, Content_Type=BINARY, Accept=BINARY, Inference_Header_Content_Length=length)
    assert (answer.status, answer.content_type) == (200, BINARY)
    assert struct.pack("<d", 0.1) in answer.body
    in_text = asked(loop, key, path, body, Content_Type=BINARY, Inference_Header_Content_Length=length)
    assert outputs(in_text.json())["score"] == [0.1]
    refused = asked(loop, key, path, body, Content_Type="", Inference_Header_Content_Length=length)
    assert refused.status == 400
    assert "binary_data=False" in refused.json()["error"]


def as_bytes(cell: Any) -> bytes:
    if isinstance(cell, str):
        return struct.pack("<I", len(cell.encode())) + cell.encode()
    return struct.pack("<?" if isinstance(cell, bool) else "<q" if isinstance(cell, int) else "<d", cell)


def test_frames_and_csv_are_answered(loop: Loop, key: dict[str, str]) -> None:
    path = f"/models/{MODEL}/invocations"
    answer = asked(loop, key, path, json.dumps({"inputs": [CELLS]}).encode())
    assert answer.json()["predictions"] == [{"score": 0.1, "label": None}]
    lines = f"{','.join(CELLS)}\n{','.join(map(str, CELLS.values()))}\n"
    answer = asked(loop, key, path, lines.encode(), Content_Type="text/csv; charset=utf-8")
    assert answer.json()["answered_by"] == ["fallback:default"]


def test_a_body_of_another_type_is_told_so(loop: Loop, key: dict[str, str]) -> None:
    form = asked(loop, key, f"/models/{MODEL}/predictions", b"{}", Content_Type="application/x-www-form-urlencoded")
    assert (form.status, form.content_type) == (415, "application/problem+json")
    assert "send the header Content-Type: application/json" in form.json()["detail"]
    packed = asked(loop, key, f"/models/{MODEL}/predictions", b"\x1f\x8b\x08", Content_Encoding="gzip")
    assert packed.status == 415
