"""Tensors in, tensors out; what a column's type allows, and what each refusal names."""

import json
import struct
from typing import Any

import numpy as np
import pytest

from everloop.contracts.definition import Definition
from everloop.contracts.tasks import Task
from tests.asking import BINARY, World
from tests.samples import constant_model, echo_model, example, pump_failure

INFER = "POST /v2/models/{model}/infer"
PINNED = "POST /v2/models/{model}/versions/{version}/infer"
MOMENTS = ["2026-03-14T08:00:00Z", "2026-03-14T09:00:00Z"]


def tensor(name: str, datatype: str, data: list[Any], shape: list[int] | None = None) -> dict[str, Any]:
    return {"name": name, "datatype": datatype, "shape": shape or [len(data)], "data": data}


def pumps(**changes: dict[str, Any] | None) -> list[dict[str, Any]]:
    tensors: dict[str, dict[str, Any] | None] = {
        "measured_at": tensor("measured_at", "BYTES", MOMENTS),
        "pump": tensor("pump", "BYTES", ["P-7", ""]),
        "kind": tensor("kind", "BYTES", ["Zahnrad-Ölpumpe", "axial"]),
        "pressure": tensor("pressure", "FP64", [81.5, 2]),
        "starts": tensor("starts", "INT64", [3, 4]),
        "outdoors": tensor("outdoors", "BOOL", [True, None]),
    }
    return [each for each in (tensors | changes).values() if each]


def world(*models: bytes, **sections: Any) -> World:
    return World(pump_failure(**sections), *(models or (echo_model(),)))


def outputs(document: dict[str, Any]) -> dict[str, list[Any]]:
    return {each["name"]: each["data"] for each in document["outputs"]}


def error(asked: World, inputs: Any, **more: Any) -> str:
    answer = asked.ask(INFER, {"inputs": inputs, **more})
    assert 400 <= answer.status < 500
    assert answer.document.keys() == {"error"}
    return str(answer.document["error"])


def test_each_row_is_answered_and_logged_as_in_our_own_protocol() -> None:
    asked = world()
    document = asked.ask(INFER, {"id": "req-1", "inputs": pumps(), "parameters": {"priority": 1}}).document
    assert (document["model_name"], document["model_version"], document["id"]) == ("pump-failure", "1", "req-1")
    found = outputs(document)
    assert (found["score"], found["label"], found["version"]) == ([81.5, 2.0], ["true", "true"], [1, 1])
    assert (found["answered_by"], found["variant"]) == (["model"] * 2, ["champion"] * 2)
    assert [(each["name"], each["datatype"], each["shape"]) for each in document["outputs"]] == [
        ("score", "FP64", [2]),
        ("label", "BYTES", [2]),
        ("version", "INT64", [2]),
        ("prediction_id", "BYTES", [2]),
        ("answered_by", "BYTES", [2]),
        ("variant", "BYTES", [2]),
    ]
    (message,) = asked.logged()
    assert message["prediction_id"] == found["prediction_id"]
    assert message["inputs"]["kind"] == ["Zahnrad-Ölpumpe", "axial"]
    assert (message["inputs"]["pump"], message["inputs"]["outdoors"]) == (["P-7", None], [True, None])


def test_only_the_outputs_that_are_asked_for_are_answered() -> None:
    document = world().ask(INFER, {"inputs": pumps(), "outputs": [{"name": "label"}, {"name": "score"}]}).document
    assert [each["name"] for each in document["outputs"]] == ["label", "score"]
    assert "id" not in document


def test_a_version_can_be_pinned() -> None:
    asked = world(constant_model(0.25), constant_model(0.75))
    assert outputs(asked.ask(INFER, {"inputs": pumps()}).document)["score"] == [0.75, 0.75]
    pinned = asked.ask(PINNED, {"inputs": pumps()}, version="1").document
    assert (pinned["model_version"], outputs(pinned)["score"]) == ("1", [0.25, 0.25])
    assert asked.ask(PINNED, {"inputs": pumps()}, version="9").status == 404


def test_an_answer_of_no_model_names_no_version() -> None:
    asked = World(pump_failure())
    document = asked.ask(INFER, {"inputs": pumps()}).document
    assert "model_version" not in document
    found = outputs(document)
    assert (found["score"], found["label"], found["version"]) == ([0.1, 0.1], ["", ""], [0, 0])
    assert found["answered_by"] == ["fallback:default"] * 2


def test_a_label_without_a_score_leaves_the_score_null() -> None:
    asked = World(example(Task.MULTICLASS, serving={"fallback": "x"}))
    found = outputs(asked.ask(INFER, {"inputs": [tensor("a", "FP64", [1.0])]}).document)
    assert (found["score"], found["label"]) == ([None], ["x"])


@pytest.mark.parametrize(
    ("shape", "data"),
    [([2], [81.5, 2]), ([2, 1], [81.5, 2]), ([2, 1], [[81.5], [2]])],
    ids=["flat", "row-major", "rows"],
)
def test_data_may_be_flat_or_one_list_for_each_row(shape: list[int], data: list[Any]) -> None:
    inputs = pumps(pressure=tensor("pressure", "FP32", data, shape))
    assert outputs(world().ask(INFER, {"inputs": inputs}).document)["score"] == [81.5, 2.0]


@pytest.mark.parametrize(
    ("name", "datatype", "data"),
    [
        ("pressure", "FP64", [81.5, None]),
        ("pressure", "INT8", [81, None]),
        ("outdoors", "BOOL", [None, False]),
        ("outdoors", "FP32", [None, 0]),
        ("outdoors", "INT8", [1, 0]),
        ("kind", "BYTES", ["", "axial"]),
        ("kind", "BYTES", [None, "axial"]),
        ("starts", "FP64", [3.0, 4.0]),
    ],
)
def test_what_a_column_allows_is_taken_in_every_datatype_that_can_say_it(
    name: str, datatype: str, data: list[Any]
) -> None:
    asked = world(constant_model(0.5))
    assert asked.ask(INFER, {"inputs": pumps(**{name: tensor(name, datatype, data)})}).status == 200
    assert [value or None for value in data] == [value or None for value in asked.logged()[0]["inputs"][name]]


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({"shape": [3]}, "inputs[3] ('pressure'): expected 3 value(s), as the shape says, got 2"),
        ({"shape": [-1]}, "expected shape [rows] or [rows, 1] with 1 to 1000 rows, got [-1]"),
        ({"shape": [0]}, "got [0]"),
        ({"shape": [2**63, 2**63]}, "got [9223372036854775808, 9223372036854775808]"),
        ({"shape": [2, 2]}, "got [2, 2]"),
        ({"shape": [True]}, "got [true]"),
        ({"shape": []}, "got []"),
        ({"shape": 2}, "with 1 to 1000 rows, got 2"),
        ({"shape": [1001], "data": [1.0] * 1001}, "got [1001]"),
        ({"datatype": "FP128"}, "got 'FP128'"),
        ({"datatype": "BYTES", "data": ["1", "2"]}, "expected datatype FP16 or FP32 or FP64 or INT16"),
        ({"datatype": "BOOL", "data": [True, False]}, "got 'BOOL'"),
        ({"datatype": None}, "got null"),
        ({"data": None}, "expected a list of data, got null"),
        ({"data": [1.0]}, "expected 2 value(s), as the shape says, got 1"),
        ({"data": [1.0, "two"]}, "expected FP64 or null, got 'two' in row 1"),
        ({"data": [[1.0], [2.0]]}, "expected FP64 or null, got a JSON array in row 0, a JSON array in row 1"),
        ({"datatype": "INT64"}, "expected INT64 or null, got 81.5 in row 0"),
        ({"name": 7}, "inputs[3]: expected the name of a column, got 7"),
        ({"name": "starts"}, "expected a tensor for each column, got 'starts' twice"),
        ({"parameters": {"binary_data_size": 16}}, "Content-Type application/octet-stream"),
        ({"parameters": {"shared_memory_region": "x"}, "data": None}, "expected a list of data, got null"),
    ],
    ids=str,
)
def test_a_tensor_that_cannot_be_read_is_named(changed: dict[str, Any], expected: str) -> None:
    broken = tensor("pressure", "FP64", [81.5, 2.0]) | changed
    told = error(world(), pumps(pressure=broken))
    assert expected in told


def test_all_that_is_wrong_is_told_at_once() -> None:
    told = error(world(), pumps(kind=tensor("kind", "FP64", [1.0, 2.0]), starts=tensor("starts", "INT64", [3])), id="a")
    assert "inputs[2] ('kind'): expected datatype BYTES, got 'FP64'" in told
    told = error(world(), pumps(starts=tensor("starts", "INT64", [3])))
    assert told == "expected tensors with the same number of rows, got 1, 2"


def test_cells_that_do_not_fit_are_named_with_row_and_column() -> None:
    inputs = pumps(
        kind=tensor("kind", "BYTES", ["axail", "axial"]),
        starts=tensor("starts", "INT64", [-1, None]),
        presure=tensor("presure", "FP64", [1.0, 2.0]),
    )
    told = error(world(), inputs)
    assert told.startswith("5 value(s) do not fit the definition of 'pump-failure': row 0, column ")
    assert "row 0, column 'kind': expected one of axial, radial, Zahnrad-Ölpumpe, got 'axail'" in told
    assert "row 1, column 'starts': expected integer, not null, got null" in told
    assert "row 1, column 'presure': expected a declared column; did you mean 'pressure'?, got 2.0" in told


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ([], "expected an object with 'inputs' and maybe 'id'"),
        ({}, 'expected {"inputs": ['),
        ({"inputs": {}}, "got inputs a JSON object"),
        ({"inputs": []}, "got inputs a JSON array"),
        ({"inputs": [7]}, "inputs[0]: expected an object, got 7"),
        ({"inputs": [], "input": 1}, "got key 'input'"),
        ({"inputs": pumps(), "id": 7}, "id: expected a text of at most 1000 characters, got 7"),
        ({"inputs": pumps(), "id": "\ud800"}, "id: expected a text"),
        ({"inputs": pumps(), "id": "x" * 1_001}, "id: expected a text of at most 1000 characters"),
        ({"inputs": pumps(), "outputs": "score"}, "outputs: expected a list, got 'score'"),
        ({"inputs": pumps(), "outputs": ["score"]}, "outputs: expected objects with a 'name' of score, label"),
        ({"inputs": pumps(), "outputs": [{"name": "value"}]}, "got 'value'"),
    ],
    ids=str,
)
def test_a_document_of_another_shape_is_refused_with_what_was_expected(body: Any, expected: str) -> None:
    answer = world().ask(INFER, body)
    assert answer.status == 400
    assert expected in answer.document["error"]


# The extension for binary tensors


def binary(columns: dict[str, tuple[str, bytes]], rows: int, **more: Any) -> tuple[bytes, dict[str, str]]:
    header = json.dumps(
        {
            "inputs": [
                {
                    "name": name,
                    "datatype": datatype,
                    "shape": [rows],
                    "parameters": {"binary_data_size": len(content)},
                }
                for name, (datatype, content) in columns.items()
            ],
            **more,
        }
    ).encode()
    body = header + b"".join(content for _, content in columns.values())
    return body, {"Content-Type": BINARY, "Inference-Header-Content-Length": str(len(header))}


def texts(*values: str) -> bytes:
    return b"".join(struct.pack("<I", len(value.encode())) + value.encode() for value in values)


COLUMNS = {
    "measured_at": ("BYTES", texts(*MOMENTS)),
    "kind": ("BYTES", texts("Zahnrad-Ölpumpe", "")),
    "pressure": ("FP32", np.array([81.5, 2], "<f4").tobytes()),
    "starts": ("INT64", np.array([3, 2**40], "<i8").tobytes()),
    "outdoors": ("BOOL", b"\x01\x00"),
}


def test_binary_tensors_are_read() -> None:
    asked = world()
    body, headers = binary(COLUMNS, 2)
    answer = asked.ask(INFER, body, headers=headers)
    assert outputs(answer.document)["score"] == [81.5, 2.0]
    (message,) = asked.logged()
    assert message["inputs"]["kind"] == ["Zahnrad-Ölpumpe", None]
    assert (message["inputs"]["starts"], message["inputs"]["outdoors"]) == ([3, 2**40], [True, False])


def test_nan_is_null_in_binary_numbers_and_booleans() -> None:
    asked = world(constant_model(0.5))
    numbers = ("FP64", np.array([np.nan, 1]).tobytes())
    body, headers = binary(COLUMNS | {"pressure": numbers, "outdoors": numbers}, 2)
    assert asked.ask(INFER, body, headers=headers).status == 200
    inputs = asked.logged()[0]["inputs"]
    assert (inputs["pressure"], inputs["outdoors"]) == ([None, 1.0], [None, True])


def test_an_empty_text_is_a_timestamp_that_is_missing() -> None:
    columns = {"t": "timestamp", "x": "number", "y": "number"}
    raw = {"name": "late", "task": "regression", "data": {"target": "y"}, "columns": columns}
    asked = World(Definition.model_validate(raw | {"serving": {"fallback": 1.0}}))
    inputs = [tensor("t", "BYTES", ["", "2026-03-14T08:00:00Z"]), tensor("x", "FP64", [1.0, 2.0])]
    assert asked.ask(INFER, {"inputs": inputs}).status == 200
    assert asked.logged()[0]["inputs"]["t"] == [None, 1773475200.0]


def test_outputs_are_binary_for_those_who_ask_for_it_and_take_bytes() -> None:
    body, headers = binary(COLUMNS, 2, parameters={"binary_data_output": True})
    answer = world().ask(INFER, body, headers={**headers, "Accept": f"{BINARY}, */*;q=0.1"})
    length = int(answer.headers["Inference-Header-Content-Length"])
    assert answer.headers["Content-Type"] == BINARY
    tensors = json.loads(answer.content[:length])["outputs"]
    behind = answer.content[length:]
    found = {}
    for each in tensors:
        size = each["parameters"]["binary_data_size"]
        found[each["name"]], behind = behind[:size], behind[size:]
    assert behind == b""
    assert np.frombuffer(found["score"], "<f8").tolist() == [81.5, 2.0]
    assert np.frombuffer(found["version"], "<i8").tolist() == [1, 1]
    assert found["label"] == texts("true", "true")


def test_outputs_can_be_binary_one_by_one_and_a_missing_score_is_nan() -> None:
    asked = World(example(Task.MULTICLASS, serving={"fallback": "x"}))
    wanted = [{"name": "score", "parameters": {"binary_data": True}}, {"name": "label"}]
    body = {"inputs": [tensor("a", "FP64", [1.0])], "outputs": wanted}
    answer = asked.ask(INFER, body, headers={"Accept": BINARY})
    length = int(answer.headers["Inference-Header-Content-Length"])
    score, label = json.loads(answer.content[:length])["outputs"]
    assert score["parameters"] == {"binary_data_size": 8}
    assert label["data"] == ["x"]
    assert np.isnan(np.frombuffer(answer.content[length:], "<f8")).all()


@pytest.mark.parametrize(
    ("column", "content", "expected"),
    [
        ("pressure", b"\x00" * 7, "expected 8 bytes for 2 row(s) of FP32, got 7"),
        ("pressure", b"", "got 0"),
        ("kind", b"", "expected 2 text(s) behind their lengths, got 0"),
        ("kind", b"\xff\xff\xff\xff", "expected 4294967295 bytes of text in row 0, got 0"),
        ("kind", texts("axial", "axial", "axial"), "expected 2 text(s), got 9 bytes more"),
        ("kind", texts("axial") + b"\x01\x00\x00\x00\xff", "expected UTF-8 in row 1"),
        ("outdoors", b"\x01\x02", "row 1, column 'outdoors': expected true or false, got 2"),
        ("pressure", np.array([np.inf, 1], "<f4").tobytes(), "row 0, column 'pressure': expected a finite number"),
    ],
)
def test_bytes_that_do_not_fit_are_named(column: str, content: bytes, expected: str) -> None:
    body, headers = binary(COLUMNS | {column: (COLUMNS[column][0], content)}, 2)
    answer = world().ask(INFER, body, headers=headers)
    assert answer.status in (400, 422)
    assert expected in answer.document["error"]


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({"Inference-Header-Content-Length": "999999"}, "Inference-Header-Content-Length: expected at most"),
        ({"Inference-Header-Content-Length": "-1"}, "got '-1'"),
        ({"Inference-Header-Content-Length": "9" * 5_000}, "got '99999"),
        ({"Inference-Header-Content-Length": "20"}, "expected JSON"),
        ({"Inference-Header-Content-Length": "0"}, "got an empty body"),
        ({"Inference-Header-Content-Length": ""}, "expected "),
        ({"Content-Type": "application/json"}, "or the tensors as JSON (binary_data=False)"),
        ({"Content-Type": ""}, "expected the Content-Type application/octet-stream"),
    ],
)
def test_a_length_or_type_that_misleads_is_refused(changed: dict[str, str], expected: str) -> None:
    body, headers = binary(COLUMNS, 2)
    answer = world().ask(INFER, body, headers=headers | changed)
    assert answer.status == 400
    assert expected in answer.document["error"]


def test_bytes_that_no_tensor_speaks_of_are_refused() -> None:
    body, headers = binary(COLUMNS, 2)
    answer = world().ask(INFER, body + b"!", headers=headers)
    assert answer.document == {"error": "1 byte(s) lie behind the tensors that no binary_data_size speaks of"}


# Other tasks


def test_a_value_is_answered_for_a_regression() -> None:
    asked = World(example(Task.REGRESSION), constant_model(7.5, task=Task.REGRESSION, classes=(), column="a"))
    document = asked.ask(INFER, {"inputs": [tensor("a", "FP64", [1.0]), tensor("b", "FP64", [2.0])]}).document
    assert outputs(document)["value"] == [7.5]
    assert "label" not in outputs(document)


def test_a_forecast_tells_what_it_lacks() -> None:
    asked = World(example(Task.FORECASTING, serving={"fallback": 3}))
    found = outputs(asked.ask(INFER, {"inputs": [tensor("t", "BYTES", [MOMENTS[0]])]}).document)
    assert found["value"] == [3.0]
    assert json.loads(found["missing_lags"][0])


def test_recommended_items_are_json_in_and_out() -> None:
    asked = World(example(Task.RECOMMENDATION, serving={"fallback": ["x", "y"]}))
    taken = tensor("items", "BYTES", ['["x", "ž"]', ""])
    found = outputs(asked.ask(INFER, {"inputs": [tensor("c", "BYTES", ["u-1", "u-2"]), taken]}).document)
    assert json.loads(found["items"][0]) == [{"item": "x", "score": None}, {"item": "y", "score": None}]
    for wrong in ("[1]", "x", "[" * 5_000, '{"a": 1}'):
        told = error(asked, [tensor("c", "BYTES", ["u-1"]), tensor("items", "BYTES", [wrong])])
        assert "row 0, column 'items': expected a list of items" in told


# Metadata and health


def test_the_server_tells_what_it_is() -> None:
    document = world().ask("GET /v2").document
    assert (document["name"], document["extensions"]) == ("everloop", ["binary_tensor_data"])
    assert world().ask("GET /v2/health/live").document == {"live": True}


def test_the_metadata_name_every_tensor_and_the_versions() -> None:
    asked = world(constant_model(0.25), constant_model(0.75))
    document = asked.ask("GET /v2/models/{model}").document
    assert (document["name"], document["platform"], document["versions"]) == (
        "pump-failure",
        "onnxruntime_onnx",
        ["1", "2"],
    )
    assert {each["name"]: each["datatype"] for each in document["inputs"]} == {
        "measured_at": "BYTES",
        "pump": "BYTES",
        "kind": "BYTES",
        "pressure": "FP64",
        "starts": "INT64",
        "outdoors": "BOOL",
    }
    answered = asked.ask(INFER, {"inputs": pumps()}).document["outputs"]
    assert [(each["name"], each["datatype"]) for each in document["outputs"]] == [
        (each["name"], each["datatype"]) for each in answered
    ]
    assert asked.ask("GET /v2/models/{model}/versions/{version}").document == document
    assert asked.ask("GET /v2/models/{model}/versions/{version}", version="9").status == 404


@pytest.mark.parametrize(
    ("models", "fallback", "is_damaged", "is_ready"),
    [
        (1, 0.1, False, True),
        (1, None, False, True),
        (1, None, True, False),
        (1, 0.1, True, True),
        (0, 0.1, False, True),
        (0, None, False, False),
    ],
)
def test_a_model_is_ready_when_every_row_would_be_answered(
    models: int, fallback: float | None, is_damaged: bool, is_ready: bool
) -> None:
    asked = World(pump_failure(serving={"fallback": fallback} if fallback else {}), *[constant_model(0.5)] * models)
    if is_damaged:
        asked.objects.objects["pump-failure/versions/1/model.onnx"] = b"damaged"
    answer = asked.ask("GET /v2/models/{model}/ready")
    assert (answer.status, answer.document) == (
        200 if is_ready else 400,
        {"name": "pump-failure", "ready": is_ready},
    )
    assert (asked.ask(INFER, {"inputs": pumps()}).status == 200) is is_ready
    server = asked.ask("GET /v2/health/ready")
    assert server.document == {"ready": bool(models or fallback)}
    assert server.status == (200 if models or fallback else 400)


def test_a_champion_that_is_gone_leaves_it_to_the_one_before() -> None:
    asked = World(pump_failure(serving={}), constant_model(0.25), constant_model(0.75))
    route = "GET /v2/models/{model}/ready"
    del asked.objects.objects["pump-failure/versions/2/manifest.json"]
    assert asked.ask(route).status == 200
    alone = World(pump_failure(serving={}), constant_model(0.25))
    del alone.objects.objects["pump-failure/versions/1/manifest.json"]
    answer = alone.ask(route)
    assert (answer.status, answer.document) == (400, {"name": "pump-failure", "ready": False})


def test_a_pinned_version_is_ready_when_it_can_be_loaded() -> None:
    asked = world(constant_model(0.25), constant_model(0.75))
    asked.objects.objects["pump-failure/versions/1/model.onnx"] = b"damaged"
    route = "GET /v2/models/{model}/versions/{version}/ready"
    assert [asked.ask(route, version=version).status for version in ("1", "2", "3", "x")] == [400, 200, 404, 404]


@pytest.mark.parametrize(
    "route",
    ["GET /v2/models/{model}", "GET /v2/models/{model}/ready", INFER, PINNED],
)
def test_an_unknown_model_is_a_404_in_the_protocols_words(route: str) -> None:
    answer = world().ask(route, {"inputs": pumps()}, model="pump")
    assert (answer.status, answer.headers["Content-Type"]) == (404, "application/json")
    assert answer.document == {"error": "no model is called 'pump'; deployed models: pump-failure"}


def test_no_answer_at_all_is_a_503_in_the_protocols_words() -> None:
    asked = World(pump_failure(serving={}))
    answer = asked.ask(INFER, {"inputs": pumps()})
    assert answer.status == 503
    assert answer.document["error"].startswith("no version of 'pump-failure' can answer")
