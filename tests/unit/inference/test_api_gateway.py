"""Whatever a stranger sends becomes an answer: 4xx with a problem document, never a crash."""

import base64
import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from everloop.adapters.api_gateway import MAXIMUM_BODY_BYTES, _read_slowly, api_handler, json_body, respond
from everloop.errors import (
    ConflictingRequestError,
    IntegrityError,
    InvalidRowsError,
    MalformedBodyError,
    ModelUnavailableError,
    NotFoundError,
    StorageError,
)
from everloop.inference.rows import to_columns
from tests.samples import event, pump_failure

DEFINITION = pump_failure()


@api_handler
def read_rows(request: dict[str, Any]) -> dict[str, Any]:
    body = json_body(request)
    rows = body["rows"] if isinstance(body, dict) and isinstance(body.get("rows"), list) else [{}]
    to_columns(rows, DEFINITION)
    return respond({"rows": len(rows)})


def send(body: str | None, *, is_base64: bool = False) -> tuple[int, dict[str, Any]]:
    request = event("inference/predict.json") | {"body": body, "isBase64Encoded": is_base64}
    response = read_rows(request, None)
    response["body"].encode()  # Lambda hands it on as UTF-8
    document = json.loads(response["body"])
    if response["statusCode"] >= 400:
        assert response["headers"] == {"Content-Type": "application/problem+json"}
        assert document["status"] == response["statusCode"]
        assert document.keys() >= {"type", "title", "detail"}
        assert len(response["body"]) < 50_000
    return response["statusCode"], document


def test_the_sample_is_read() -> None:
    assert read_rows(event("inference/predict.json"), None)["statusCode"] == 200


def test_a_base64_body_is_read() -> None:
    body = event("inference/predict.json")["body"]
    assert send(base64.b64encode(body.encode()).decode(), is_base64=True) == (200, {"rows": 2})


@pytest.mark.parametrize(
    ("body", "told"),
    [
        (None, "got an empty body"),
        ("", "got an empty body"),
        (" \n\t", "got an empty body"),
        ("{", "line 1, column 2"),
        ('{"rows": [{"pressure": 1', "line 1, column 25"),
        ("{'rows': []}", "line 1, column 2"),
        ("rows=1", "line 1, column 1"),
        ('{"rows": []} extra', "Extra data"),
        ("\ufeff{}", "BOM"),
        ('{"rows": [{"pressure": NaN}]}', "NaN is not JSON; send null for a missing number"),
        ('{"rows": [{"pressure": Infinity}]}', "Infinity is not JSON"),
        ('{"rows": [{"pressure": -Infinity}]}', "-Infinity is not JSON"),
        ("[" * 100_000 + "]" * 100_000, "nested too deeply"),
        ('{"a":' * 100_000 + "1" + "}" * 100_000, "nested too deeply"),
        ("[" * 100_000, "nested too deeply"),
        ('{"rows": [{"starts": ' + "9" * 5_000 + "}]}", "expected JSON"),
        ('{"rows": [], "rows": []}', "key 'rows' is given twice in one object"),
        ('{"rows": [{"starts": 1, "pressure": 1, "starts": 2}]}', "key 'starts' is given twice"),
    ],
)
def test_a_body_that_is_no_json_is_a_400_that_says_why(body: str | None, told: str) -> None:
    status, document = send(body)
    assert status == 400
    assert told in document["detail"]


@pytest.mark.parametrize("body", ["[" * 5_000 + "]" * 5_000, '{"a":' * 5_000 + "1" + "}" * 5_000])
def test_a_body_nested_as_deep_as_only_newer_pythons_read_is_refused_all_the_same(body: str) -> None:
    assert send(body)[0] in (400, 422)


SPACES = st.text(" \t\n\r", max_size=2)
TEXTS = st.text(st.sampled_from([*'a:"\\\\{},0é\U0001f600', "\n"]), max_size=3)
SPELLED = st.builds(lambda text, ascii: json.dumps(text, ensure_ascii=ascii), TEXTS, st.booleans())
NUMBERS = st.sampled_from(["0", "-0", "-0.0", "1e5", "0.1", "123456789.1234567891234", "2e-324", "1e400", str(2**70)])
SCALARS = st.one_of(SPELLED, NUMBERS, st.sampled_from(["true", "false", "null", "NaN", "-Infinity", r'"\ud800"']))


def _spelled_array(values: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.lists(values, max_size=3).map(lambda each: f"[{','.join(each)}]")


def _spelled_object(keys: st.SearchStrategy[str], values: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    pairs = st.tuples(SPACES, keys, SPACES, st.just(":"), SPACES, values).map("".join)
    return st.lists(pairs, max_size=4).map(lambda each: f"{{{','.join(each)}}}")


OBJECTS = _spelled_object(SPELLED, SCALARS)
BODIES = st.one_of(
    _spelled_object(SPELLED, st.one_of(SCALARS, _spelled_array(st.one_of(OBJECTS, SCALARS)))),
    st.recursive(SCALARS, lambda inner: st.one_of(_spelled_array(inner), _spelled_object(SPELLED, inner))),
)


def _told(read: Callable[[], Any]) -> str:
    """What was read, told so that 1, 1.0 and true are not the same; or why nothing was."""
    try:
        return repr(read())
    except MalformedBodyError as error:
        return str(error)


@settings(max_examples=1_000)
@given(body=BODIES, cut=st.integers(0, 40))
def test_the_fast_reader_says_what_the_slow_one_does(body: str, cut: int) -> None:
    for text in (body, body[: -cut or None]):
        if text.strip():
            assert _told(lambda text=text: json_body({"body": text})) == _told(lambda text=text: _read_slowly(text))  # type: ignore[misc]


@pytest.mark.parametrize(
    "body",
    [
        '{"a" :1,"a" :2,"b":":"}',
        '{"a":":","b" :1,"b" :1}',
        '{"a":"\\":","b"\n:1,"b":1}',
        '{"a:":1,"a:":1}',
        '{"a":1,"\\u0061":1,"b":"x:"}',
        '{"rows":[{"a":1,"a":2}]}',
        '{"rows":[{"a":{"b":1,"b":2}}]}',
    ],
)
def test_a_key_given_twice_is_found_however_colons_lie(body: str) -> None:
    assert "is given twice" in send(body)[1]["detail"]


@pytest.mark.parametrize("body", ["!!!!", "YQ", "é", "////"])
def test_a_base64_body_that_is_none_is_a_400(body: str) -> None:
    status, document = send(body, is_base64=True)
    assert status == 400
    assert document["detail"].startswith(("expected a body in base64", "expected UTF-8"))


def test_a_body_of_more_than_six_megabytes_is_a_413() -> None:
    status, document = send('{"rows": "' + "x" * MAXIMUM_BODY_BYTES + '"}')
    assert status == 413
    assert "send fewer rows" in document["detail"]


def test_a_key_given_twice_among_very_many_is_found_in_one_pass() -> None:
    keys = ", ".join(f'"k{number}": 1' for number in range(300_000))
    status, document = send(f'{{{keys}, "k299999": 2}}')
    assert (status, "key 'k299999' is given twice" in document["detail"]) == (400, True)


def test_very_many_strange_columns_are_refused_without_comparing_each() -> None:
    row = ", ".join(f'"column number {number}": 1' for number in range(200_000))
    status, document = send(f'{{"rows": [{{{row}}}]}}')
    assert status == 422
    assert document["detail"].startswith("200002 value(s) do not fit")


@pytest.mark.parametrize("cell", ['"pressure": "\\ud800"', '"\\ud800": 1', '"pump": "\\ud800"', '"kind": "\\u0000"'])
def test_lone_surrogates_and_nuls_are_refused_in_an_answer_that_can_be_sent(cell: str) -> None:
    status, document = send(f'{{"rows": [{{"measured_at": "2026-03-14T08:00:00Z", "starts": 1, {cell}}}]}}')
    assert status == 422
    assert len(document["errors"]) == 1


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (NotFoundError("no model"), 404),
        (ConflictingRequestError("first champion"), 409),
        (InvalidRowsError("1 value", [{"row": 0, "column": "ü", "expected": "number", "got": "'x'"}]), 422),
        (ModelUnavailableError("no champion"), 503),
        (IntegrityError("damaged"), 503),
        (StorageError("s3://secret-bucket/key: AccessDenied"), 503),
    ],
)
def test_each_error_of_ours_is_a_problem_document(error: Exception, status: int) -> None:
    def fail(_: dict[str, Any]) -> dict[str, Any]:
        raise error

    response = api_handler(fail)({}, None)
    document = json.loads(response["body"])
    assert (response["statusCode"], document["status"]) == (status, status)
    assert response["headers"]["Content-Type"] == "application/problem+json"
    assert "secret-bucket" not in response["body"]
    assert document.get("errors", []) == getattr(error, "problems", [])


def test_an_error_that_is_a_fault_of_ours_is_not_dressed_up() -> None:
    def fail(_: dict[str, Any]) -> dict[str, Any]:
        raise KeyError("a bug")

    with pytest.raises(KeyError):
        api_handler(fail)({}, None)
