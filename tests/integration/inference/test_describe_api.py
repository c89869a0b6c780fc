"""describe_api on its sample requests; and clients that know nothing of the API but its document."""

import json
from collections import Counter
from typing import Any

import aiopenapi3
import httpx2
import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from jsonschema import Draft202012Validator

from everloop.errors import InvalidRowsError
from everloop.inference.protocols import ROUTES
from functions.inference import describe_api, predict, record_outcome
from tests.gateway import KEY, STAGE, Gateway
from tests.integration.inference.test_predict import serving
from tests.plant import MODEL, Plant
from tests.samples import event, pump_row

__all__ = ["serving"]

GATEWAY = Gateway(
    {
        "GET /openapi.json": describe_api.lambda_handler,
        "GET /docs": describe_api.lambda_handler,
        **dict.fromkeys(ROUTES, predict.lambda_handler),
        "POST /models/{model}/outcomes": record_outcome.lambda_handler,
    }
)
URL = "https://a1b2c3d4e5.execute-api.eu-central-1.amazonaws.com/v1/openapi.json"


def ask(path: str, **headers: str) -> tuple[int, dict[str, str], str]:
    request = event(path)
    request["headers"] |= headers
    response = describe_api.lambda_handler(request, None)
    return response["statusCode"], response["headers"], response["body"]


def test_the_document_is_told(plant: Plant) -> None:
    status, headers, body = ask("inference/read_openapi.json")
    assert (status, headers["Content-Type"]) == (200, "application/json")
    assert f"/models/{MODEL}/predictions" in json.loads(body)["paths"]


def test_the_page_is_told_and_may_run_nothing(plant: Plant) -> None:
    status, headers, body = ask("inference/read_docs.json")
    assert (status, headers["Content-Type"]) == (200, "text/html; charset=utf-8")
    assert headers["Content-Security-Policy"].startswith("default-src 'none'; style-src 'sha256-")
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert "Zahnrad-Ölpumpe" in body


@pytest.mark.parametrize("sample", ["inference/read_openapi.json", "inference/read_docs.json"])
def test_who_has_it_already_is_told_so(plant: Plant, sample: str) -> None:
    _, headers, body = ask(sample)
    assert (body != "", headers["Cache-Control"]) == (True, "private, max-age=60")
    status, again, nothing = ask(sample, **{"if-none-match": f'"other", W/{headers["ETag"]}'})
    assert (status, nothing, again["ETag"]) == (304, "", headers["ETag"])
    assert ask(sample, **{"If-None-Match": '"other"'})[0] == 200


def test_a_client_made_from_the_document_predicts_and_tells_the_outcome(serving: Plant) -> None:
    """aiopenapi3 builds requests and reads answers by the schemas, and refuses what does not fit them."""

    def session(headers: dict[str, str] | None = None, **given: Any) -> httpx2.Client:
        transport = httpx2.WSGITransport(app=GATEWAY)
        return httpx2.Client(transport=transport, headers={"x-api-key": KEY, **(headers or {})}, **given)

    client = aiopenapi3.OpenAPI.load_sync(URL, session_factory=session)
    client.authenticate(key=KEY)
    answer = client.createRequest((f"/models/{MODEL}/predictions", "post"))(data={"rows": [pump_row(), pump_row()]})
    assert (answer.model, answer.version, len(answer.predictions)) == (MODEL, 2, 2)
    assert (answer.predictions[0].score, answer.predictions[0].label) == (0.75, True)
    pinned = client.createRequest((f"/models/{MODEL}/versions/{{version}}/predictions", "post"))
    assert pinned(data={"rows": [pump_row()]}, parameters={"version": 1}).predictions[0].score == 0.25
    outcome = {"prediction_id": answer.predictions[0].prediction_id, "actual": True}
    told = client.createRequest((f"/models/{MODEL}/outcomes", "post"))(data={"outcomes": [outcome]})
    assert told.recorded == 1


def test_every_example_can_be_sent_as_it_stands_and_every_answer_is_what_the_document_says(serving: Plant) -> None:
    document = json.loads(ask("inference/read_openapi.json")[2])
    client = httpx2.Client(transport=httpx2.WSGITransport(app=GATEWAY), headers={"x-api-key": KEY})
    told = 0
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            if operation["security"] != [{"key": []}]:
                continue
            content = operation.get("requestBody", {}).get("content", {}).get("application/json")
            sent = {"json": content["examples"]["one"]["value"]} if content else {}
            place = URL.removesuffix("/openapi.json") + path.replace("{version}", "1")
            answer = client.request(method.upper(), place, **sent)
            said = operation["responses"][str(answer.status_code)]
            assert answer.status_code in (200, 202), (path, answer.text)
            schema = said.get("content", {}).get("application/json", {}).get("schema")
            if schema:
                Draft202012Validator(schema | {"components": document["components"]}).validate(answer.json())
            told += 1
    assert told == len(ROUTES) + 3


@pytest.mark.slow
@pytest.mark.parametrize("mode", list(schemathesis.GenerationMode))
@pytest.mark.parametrize("route", ["predictions", "versions/{version}/predictions", "outcomes"])
def test_whatever_the_document_allows_is_answered_and_the_rest_refused_as_it_says(
    serving: Plant, route: str, mode: schemathesis.GenerationMode
) -> None:
    """Schemathesis makes the requests, and checks status, content type and body against the document."""
    schema = schemathesis.openapi.from_wsgi(f"{STAGE}/openapi.json", GATEWAY, headers={"x-api-key": KEY})
    schema.config.update(base_url=f"http://localhost{STAGE}")
    operation = schema[f"/models/{MODEL}/{route}"]["POST"]
    seen: Counter[int] = Counter()

    @given(case=operation.as_strategy(generation_mode=mode))
    @settings(max_examples=40, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck))
    def check(case: Any) -> None:
        seen[case.call_and_validate(headers={"x-api-key": KEY}).status_code] += 1

    check()
    if mode is schemathesis.GenerationMode.NEGATIVE:
        assert seen[InvalidRowsError.status]
        assert not seen.keys() & {200, 202}
    else:
        assert seen.keys() - {404} <= {200, 202}, "a version that there is not is a 404"
        assert seen.keys() - {404}
