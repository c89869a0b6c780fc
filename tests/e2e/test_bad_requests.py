"""What a client does wrong is answered with a problem document that says what was expected, and never with 500."""

import json
from typing import Any

import pytest

from local.loop import Loop
from tests.e2e.pumps import readings, request_rows
from tests.e2e.web import Response, send, send_signed

pytestmark = pytest.mark.server

MODEL = "pump-asked"
PREDICTIONS = f"/models/{MODEL}/predictions"
OUTCOMES = f"/models/{MODEL}/outcomes"
EVENTS = f"/models/{MODEL}/events"
[ROW] = request_rows(readings(1, seed=1))


def rows(*given: Any) -> bytes:
    return json.dumps({"rows": given}).encode()


def outcome(**fields: Any) -> bytes:
    return json.dumps({"outcomes": [{"prediction_id": "p-1", "actual": True, **fields}]}).encode()


def without(column: str) -> dict[str, Any]:
    return {name: value for name, value in ROW.items() if name != column}


def problem(response: Response, status: int) -> dict[str, Any]:
    """The document of an answer that must be a refusal (RFC 9457)."""
    assert response.status == status, response
    assert response.content_type == "application/problem+json"
    document: dict[str, Any] = response.json()
    assert document["status"] == status
    assert {"type", "title", "detail"} <= document.keys()
    return document


@pytest.fixture(scope="session")
def key(loop: Loop) -> dict[str, str]:
    return {"x-api-key": loop.target.api_key()}


@pytest.mark.parametrize(
    ("path", "body", "status", "words"),
    [
        pytest.param("/models/pomp/predictions", rows(ROW), 404, "deployed models: ", id="unknown model"),
        pytest.param(f"/models/{MODEL}/versions/9/predictions", rows(ROW), 404, "has no version 9", id="no version"),
        pytest.param(f"/models/{MODEL}/versions/new/predictions", rows(ROW), 404, "got 'new'", id="version as text"),
        pytest.param(PREDICTIONS, b"", 400, "got an empty body", id="no body"),
        pytest.param(PREDICTIONS, b"rows: 1", 400, "expected JSON; line 1, column 1", id="not JSON"),
        pytest.param(PREDICTIONS, b"\xff\xfe\x00", 400, "expected JSON", id="not even text"),
        pytest.param(PREDICTIONS, b'{"rows": [{"pressure": NaN}]}', 400, "NaN is not JSON", id="NaN"),
        pytest.param(PREDICTIONS, b"[" * 100_000, 400, "nested too deeply", id="deep nesting"),
        pytest.param(PREDICTIONS, b"[]", 400, 'expected {"rows": [', id="no object"),
        pytest.param(PREDICTIONS, rows(), 400, "expected 1 to 1000 rows, got 0", id="no rows"),
        pytest.param(PREDICTIONS, rows(*[ROW] * 1_001), 400, "expected 1 to 1000 rows, got 1001", id="1,001 rows"),
        pytest.param(PREDICTIONS, rows(ROW, 7), 400, "rows[1]: expected an object, got 7", id="a row that is none"),
        pytest.param(PREDICTIONS, rows({"pump": "x" * 6_000_000}), 413, "send fewer rows", id="over 6 MB"),
        pytest.param("/models/pomp/outcomes", outcome(), 404, "deployed models: ", id="outcome of an unknown model"),
        pytest.param(OUTCOMES, b'{"outcomes": []}', 400, "with 1 to 1000 outcomes", id="no outcomes"),
    ],
)
def test_a_request_that_cannot_be_read_is_answered_with_what_was_expected(
    loop: Loop, key: dict[str, str], *, path: str, body: bytes, status: int, words: str
) -> None:
    assert words in problem(send("POST", loop.target.api_url + path, body, key), status)["detail"]


@pytest.mark.parametrize(
    ("row", "column", "expected", "got"),
    [
        ({**ROW, "pressure": "high"}, "pressure", "number", "'high'"),
        ({**ROW, "starts": 2.5}, "starts", "an integer from -2^63 to 2^63", "2.5"),
        ({**ROW, "starts": -1}, "starts", "integer >= 0", "-1"),
        ({**ROW, "outdoors": 1}, "outdoors", "true or false", "1"),
        ({**ROW, "kind": "hand"}, "kind", "one of axial, radial, Zahnrad-Ölpumpe", "'hand'"),
        ({**ROW, "measured_at": "soon"}, "measured_at", "timestamp such as 2026-01-31T12:00:00Z", "'soon'"),
        (without("starts"), "starts", "integer, not null", "null"),
        ({**ROW, "presure": 4}, "presure", "a declared column; did you mean 'pressure'?", "4"),
    ],
    ids=["type", "fraction", "minimum", "boolean", "category", "timestamp", "missing column", "unknown column"],
)
def test_a_wrong_cell_is_named_with_its_row_and_column(
    loop: Loop, key: dict[str, str], *, row: dict[str, Any], column: str, expected: str, got: str
) -> None:
    answer = send("POST", loop.target.api_url + PREDICTIONS, rows(ROW, row), key)
    assert problem(answer, 422)["errors"] == [{"row": 1, "column": column, "expected": expected, "got": got}]


@pytest.mark.parametrize("fields", [{"actual": "yes"}, {"observed_at": "soon"}, {"prediction_id": 7}], ids=str)
def test_a_wrong_outcome_is_named_with_its_field(loop: Loop, key: dict[str, str], fields: dict[str, Any]) -> None:
    answer = send("POST", loop.target.api_url + OUTCOMES, outcome(**fields), key)
    [error] = problem(answer, 422)["errors"]
    assert (error["row"], error["column"]) == (0, *fields)


@pytest.mark.parametrize("headers", [{}, {"x-api-key": "a-guess"}], ids=["no key", "wrong key"])
@pytest.mark.parametrize("path", [PREDICTIONS, OUTCOMES])
def test_without_its_key_nothing_is_predicted_or_recorded(loop: Loop, path: str, headers: dict[str, str]) -> None:
    answer = send("POST", loop.target.api_url + path, rows(ROW), headers)
    assert "header x-api-key" in problem(answer, 403)["detail"]


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/nothing/here"),
        ("DELETE", PREDICTIONS),
        ("GET", "/models"),
        ("POST", f"/models/{MODEL}/rollback"),
        ("POST", EVENTS),
    ],
)
def test_an_unknown_route_and_an_unsigned_request_are_told_alike(
    loop: Loop, key: dict[str, str], method: str, path: str
) -> None:
    answer = send(method, loop.target.api_url + path, None, key)
    assert "need an AWS Signature Version 4" in problem(answer, 403)["detail"]


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "words"),
    [
        ("GET", "/models/pomp", None, 404, "no model is called 'pomp'"),
        ("GET", f"/models/{MODEL}/versions/9", None, 404, "has no version 9"),
        ("GET", f"/models/{MODEL}/versions/9/card", None, 404, "has no version 9"),
        ("GET", f"/models/{MODEL}/versions/9/plots/roc.svg", None, 404, "has no version 9"),
        ("GET", f"/models/{MODEL}/runs/none", None, 404, "has not ended, or never began"),
        ("POST", "/models/pomp/trainings", b"{}", 404, "no model is called 'pomp'"),
        ("POST", f"/models/{MODEL}/trainings", b'{"as_of": "soon"}', 400, "as_of: expected a timestamp"),
        ("POST", f"/models/{MODEL}/trainings", b'{"when": "soon"}', 400, "unknown key 'when'"),
        ("POST", f"/models/{MODEL}/promote", b"{}", 400, "got no version"),
        ("POST", f"/models/{MODEL}/promote", b'{"version": "1"}', 400, "version: expected int, got '1'"),
        ("POST", f"/models/{MODEL}/promote", b'{"version": 9}', 404, "has no version 9"),
        ("POST", f"/models/{MODEL}/rollback", b"", 409, "it has no champion"),
        ("POST", "/models/pomp/events", rows(ROW), 404, "deployed models: "),
        ("POST", EVENTS, rows(), 400, "expected 1 to 1000 rows, got 0"),
        ("POST", EVENTS, b'{"rows": [{"pump": "\\ud800"}]}', 400, "rows[0]: expected"),
    ],
)
def test_an_operator_is_told_what_cannot_be_done(
    loop: Loop, *, method: str, path: str, body: bytes | None, status: int, words: str
) -> None:
    assert words in problem(send_signed(method, loop.target.api_url + path, body), status)["detail"]


def test_a_model_without_a_champion_answers_with_its_fallback(loop: Loop, key: dict[str, str]) -> None:
    answer = send("POST", loop.target.api_url + PREDICTIONS, rows(ROW), key)
    assert (answer.status, answer.content_type) == (200, "application/json")
    [prediction] = answer.json()["predictions"]
    assert (prediction["score"], prediction["answered_by"]) == (0.1, "fallback:default")
