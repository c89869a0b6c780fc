"""Whatever is sent to a route that takes a body is refused in its protocol's words, soon, and never logged."""

import base64
import gzip
import json
import resource
import time
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import pytest

from functions.inference import predict, record_outcome
from tests.asking import BINARY, proxy_event
from tests.integration.inference.test_predict import serving
from tests.plant import MODEL, Plant
from tests.samples import pump_row

__all__ = ["serving"]

LONGEST_S = 10.0
"""For one body; most take milliseconds, but this machine may be busy."""
MOST_MEMORY_KIB = 500 * 1024
LONGEST_REFUSAL = 60_000
TEN_MB = "x" * 10_000_000
GZIPPED = gzip.compress(b'{"rows": []}')
LINE = ",".join("" if value is None else str(value) for value in pump_row().values())


class Asked(NamedTuple):
    route: str
    handler: Callable[[dict[str, Any], object], dict[str, Any]]
    document: frozenset[str]
    """The keys of each refusal."""
    one: Callable[[str, str], str]
    """A body that would be valid, but for one column and its value, both as JSON."""
    headers: Mapping[str, str] = {}


def row_with(name: str, value: str) -> str:
    cells = {json.dumps(key): json.dumps(cell) for key, cell in pump_row().items()} | {name: value}
    return "{" + ", ".join(f"{key}: {cell}" for key, cell in cells.items()) + "}"


def tensors_with(name: str, value: str) -> str:
    kinds = {str: "BYTES", float: "FP64", int: "INT64", bool: "BOOL"}
    cells = {json.dumps(key): (json.dumps(cell), kinds[type(cell)]) for key, cell in pump_row().items()}
    _, kind = cells.get(name, ("", "FP64"))
    cells[name] = value, kind
    tensors = (
        f'{{"name": {key}, "shape": [1], "datatype": "{kind}", "data": [{cell}]}}'
        for key, (cell, kind) in cells.items()
    )
    return f'{{"inputs": [{", ".join(tensors)}]}}'


def outcome_with(name: str, value: str) -> str:
    return f'{{"outcomes": [{{"prediction_id": "p-1", "actual": true, {name}: {value}}}]}}'


PROBLEM = frozenset({"type", "title", "status", "detail"})
OF_V2 = frozenset({"error"})
OF_MLFLOW = frozenset({"error_code", "message"})
ROUTES = {
    "predictions": Asked(
        "POST /models/{model}/predictions",
        predict.lambda_handler,
        PROBLEM,
        lambda *cell: f'{{"rows": [{row_with(*cell)}]}}',
    ),
    "pinned predictions": Asked(
        "POST /models/{model}/versions/{version}/predictions",
        predict.lambda_handler,
        PROBLEM,
        lambda *cell: f'{{"rows": [{row_with(*cell)}]}}',
    ),
    "v2": Asked("POST /v2/models/{model}/infer", predict.lambda_handler, OF_V2, tensors_with),
    "pinned v2": Asked("POST /v2/models/{model}/versions/{version}/infer", predict.lambda_handler, OF_V2, tensors_with),
    "v2 in bytes": Asked(
        "POST /v2/models/{model}/infer", predict.lambda_handler, OF_V2, tensors_with, {"Content-Type": BINARY}
    ),
    "mlflow": Asked(
        "POST /models/{model}/invocations",
        predict.lambda_handler,
        OF_MLFLOW,
        lambda *cell: f'{{"dataframe_records": [{row_with(*cell)}]}}',
    ),
    "mlflow csv": Asked(
        "POST /models/{model}/invocations",
        predict.lambda_handler,
        OF_MLFLOW,
        lambda name, value: f"{json.loads(name)}\n{value}\n",
        {"Content-Type": "text/csv"},
    ),
    "outcomes": Asked("POST /models/{model}/outcomes", record_outcome.lambda_handler, PROBLEM, outcome_with),
}

BODIES: dict[str, str | bytes | None] = {
    "nothing": None,
    "empty": "",
    "spaces": " \r\n\t",
    "a number": "7",
    "a text": '"rows"',
    "null": "null",
    "a list": "[]",
    "an object": "{}",
    "arrays nested 5,000 deep": "[" * 5_000 + "]" * 5_000,
    "objects nested 5,000 deep": '{"rows":' * 5_000 + "1" + "}" * 5_000,
    "arrays nested 1,000,000 deep": "[" * 1_000_000,
    "truncated": '{"rows": [{"pressure": 1',
    "more behind": '{"rows": []} {}',
    "single quotes": "{'rows': []}",
    "form": "rows=1&inputs=2",
    "duplicate keys": '{"rows": [], "rows": []}',
    "BOM": "\ufeff\ufeff{}",
    "300,000 items": f'{{"rows": [{",".join(["1"] * 300_000)}]}}',
    "300,000 items elsewhere": f"[{','.join(['[]'] * 300_000)}]",
    "300,000 keys": "{" + ",".join(f'"k{number}":1' for number in range(300_000)) + "}",
    "1,000,000 rows of CSV": "pressure\n" + "1\n" * 1_000_000,
    "1,000,000 columns of CSV": ",".join(map(str, range(700_000))) + "\n1",
    "ragged CSV": f"{','.join(pump_row())}\n{LINE}\n1,2\n{LINE},3",
    "CSV with a quote that does not end": f'{",".join(pump_row())}\n"{LINE}',
    "CSV with a formula": f"{','.join(pump_row())}\n2026-03-14,P-7,=cmd|' /C calc'!A0,1,1,true",
    "NUL": "\0" * 1_000,
    "bytes": bytes(range(256)) * 4,
    "gzip without saying so": GZIPPED,
    "UTF-16": '{"rows": []}'.encode("utf-16"),
    "10 MB": f'{{"rows": "{TEN_MB}"}}',
    "10 MB of nothing": " " * 10_000_000,
}
VALUES = {
    "NaN": "NaN",
    "Infinity": "Infinity",
    "-Infinity": "-Infinity",
    "5,000 digits": "9" * 5_000,
    "1e400": "1e400",
    "a list": "[1]",
    "an object": '{"pressure": 1}',
    "nested 5,000 deep": "[" * 5_000 + "]" * 5_000,
    "a formula": json.dumps("=HYPERLINK(1)"),
    "a lone surrogate": '"\\ud800"',
    "NUL": '"\\u0000"',
}
NAMES = {
    "a name of 1 MB": json.dumps("n" * 1_000_000),
    "a name with a lone surrogate": '"\\ud800"',
    "a name that is none": '"=1+1"',
    "no name": '""',
}
TENSORS = {
    "that overflow": {"shape": [2**63, 2**63]},
    "of a shape with 4,000 digits": {"shape": [10**4_000]},
    "of too many": {"shape": [10**9], "data": []},
    "of less than none": {"shape": [-1]},
    "in too many dimensions": {"shape": [1] * 100_000},
    "of a shape that is none": {"shape": "x"},
    "that do not fit their shape": {"shape": [2]},
    "of no known datatype": {"datatype": "COMPLEX128"},
    "of a datatype that is a list": {"datatype": ["FP64"]},
    "of another type": {"data": ["one"]},
    "of booleans": {"data": [True]},
    "of lists": {"data": [[[1.0]]]},
    "behind a length that is not there": {"parameters": {"binary_data_size": 2**40}},
    "behind a negative length": {"parameters": {"binary_data_size": -1}},
}
HEADERS = {
    "gzip": {"Content-Encoding": "gzip"},
    "br": {"content-encoding": "br"},
    "XML": {"Content-Type": "application/xml"},
    "a form": {"Content-Type": "application/x-www-form-urlencoded"},
    "parts": {"Content-Type": "multipart/form-data; boundary=x"},
    "Latin-1": {"Content-Type": "application/json; charset=ISO-8859-1"},
    "no charset": {"Content-Type": "application/json; charset="},
    "a type of 1 MB": {"Content-Type": "x" * 1_000_000},
}


def check(asked: Asked, request: dict[str, Any], *, status: int | None = None) -> None:
    begun = time.monotonic()
    response = asked.handler(request, None)
    assert time.monotonic() - begun < LONGEST_S
    assert response["statusCode"] in ({status} if status else range(400, 500)), response
    assert not response.get("isBase64Encoded")
    assert len(response["body"].encode()) < LONGEST_REFUSAL
    document = json.loads(response["body"])
    assert document.keys() - {"errors"} == asked.document
    own = asked.document == PROBLEM
    assert response["headers"]["Content-Type"] == ("application/problem+json" if own else "application/json")


@pytest.mark.parametrize("name", [name for name in ROUTES if name not in {"mlflow csv", "outcomes"}])
def test_these_bodies_are_answered_when_nothing_is_wrong(serving: Plant, name: str) -> None:
    asked = ROUTES[name]
    body = asked.one('"pressure"', "1.5")
    assert (
        asked.handler(proxy_event(asked.route, body, asked.headers, model=MODEL, version="1"), None)["statusCode"]
        == 200
    )


@pytest.mark.slow
@pytest.mark.parametrize("name", ROUTES)
def test_every_body_that_is_none_is_refused(serving: Plant, subtests: pytest.Subtests, name: str) -> None:
    asked = ROUTES[name]
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

    def request(body: str | bytes | None, **headers: str) -> dict[str, Any]:
        return proxy_event(asked.route, body, {**asked.headers, **headers}, model=MODEL, version="1")

    for told, body in BODIES.items():
        with subtests.test(body=told):
            check(asked, request(body))
    for told, value in VALUES.items():
        for column in ("pump", "pressure", "measured_at"):
            if (column, told) not in {("pump", "a formula")} and "csv" not in name:  # which any text may be
                with subtests.test(value=told, column=column):
                    check(asked, request(asked.one(json.dumps(column), value)))
    for told, column in NAMES.items():
        with subtests.test(column=told):
            check(asked, request(asked.one(column, "1")))
    for told, headers in HEADERS.items():
        with subtests.test(headers=told):
            check(asked, request(asked.one('"pressure"', "1"), **headers), status=415)
    for told, rubbish in {"no base64": "!!!!", "cut base64": "YQ", "gzip": base64.b64encode(GZIPPED).decode()}.items():
        with subtests.test(base64=told):
            check(asked, request(rubbish) | {"isBase64Encoded": True})
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - memory < MOST_MEMORY_KIB
    assert serving.messages() == []


@pytest.mark.parametrize("name", ["v2", "v2 in bytes"])
def test_tensors_that_lie_are_refused(serving: Plant, subtests: pytest.Subtests, name: str) -> None:
    asked = ROUTES[name]
    for told, changed in TENSORS.items():
        with subtests.test(tensors=told):
            broken = {"name": "pressure", "shape": [1], "datatype": "FP64", "data": [1.0]} | changed
            body = asked.one('"pump"', '"P-7"').replace('"inputs": [', f'"inputs": [{json.dumps(broken)}, ')
            check(asked, proxy_event(asked.route, body, asked.headers, model=MODEL, version="1"))
    assert serving.messages() == []
