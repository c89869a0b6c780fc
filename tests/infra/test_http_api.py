"""Who may call what, and what a refusal says."""

import json
import re
from typing import Any

import pytest

from everloop.contracts.definition import load_definitions
from everloop.inference.openapi.document import openapi
from everloop.inference.openapi.operation import KEY_HOLDERS as BY_KEY
from everloop.inference.openapi.operation import OPERATORS as BY_SIGNATURE
from everloop.inference.protocols import ROUTES
from infra.config import REPOSITORY
from tests.infra.templates import MODELS_DIR, Assembly

KEY_HOLDERS = {
    ("POST", "/models/{model}/predictions"),
    ("POST", "/models/{model}/versions/{version}/predictions"),
    ("GET", "/v2"),
    ("GET", "/v2/health/live"),
    ("GET", "/v2/health/ready"),
    ("GET", "/v2/models/{model}"),
    ("GET", "/v2/models/{model}/ready"),
    ("POST", "/v2/models/{model}/infer"),
    ("GET", "/v2/models/{model}/versions/{version}"),
    ("GET", "/v2/models/{model}/versions/{version}/ready"),
    ("POST", "/v2/models/{model}/versions/{version}/infer"),
    ("GET", "/ping"),
    ("POST", "/models/{model}/invocations"),
    ("POST", "/models/{model}/outcomes"),
    ("GET", "/openapi.json"),
    ("GET", "/docs"),
}
OPERATORS = {
    ("POST", "/models/{model}/events"),
    ("GET", "/models"),
    ("GET", "/models/{model}"),
    ("GET", "/models/{model}/versions"),
    ("GET", "/models/{model}/versions/{version}"),
    ("GET", "/models/{model}/versions/{version}/card"),
    ("GET", "/models/{model}/versions/{version}/plots/{plot}"),
    ("GET", "/models/{model}/datasets"),
    ("GET", "/models/{model}/datasets/{version}"),
    ("GET", "/models/{model}/datasets/{version}/diff/{other}"),
    ("GET", "/models/{model}/history"),
    ("GET", "/models/{model}/monitoring"),
    ("GET", "/models/{model}/traffic"),
    ("GET", "/predictions/{prediction_id}"),
    ("GET", "/models/{model}/runs"),
    ("GET", "/models/{model}/runs/{run_id}"),
    ("POST", "/models/{model}/trainings"),
    ("POST", "/models/{model}/versions/{version}/reproductions"),
    ("POST", "/models/{model}/imports"),
    ("POST", "/models/{model}/promote"),
    ("POST", "/models/{model}/rollback"),
    ("POST", "/models/{model}/traffic"),
}


@pytest.fixture(scope="session")
def methods(assembly: Assembly) -> dict[tuple[str, str], dict[str, Any]]:
    """By route."""
    resources = {name.split("/")[1]: each for name, each in assembly.resources("AWS::ApiGateway::Resource")}

    def path(logical_id: str | None) -> str:
        if logical_id not in resources:
            return ""
        resource = resources[logical_id]
        return f"{path(resource['ParentId'].get('Ref'))}/{resource['PathPart']}"

    return {
        (method["HttpMethod"], path(method["ResourceId"].get("Ref"))): method
        for _, method in assembly.resources("AWS::ApiGateway::Method")
    }


@pytest.fixture(scope="session")
def routes(methods: dict[tuple[str, str], dict[str, Any]]) -> dict[tuple[str, str], tuple[str, bool]]:
    """Each route with its authorization and whether it takes an API key."""
    return {route: (method["AuthorizationType"], method["ApiKeyRequired"]) for route, method in methods.items()}


def test_every_route_is_for_key_holders_or_for_operators(routes: dict[tuple[str, str], tuple[str, bool]]) -> None:
    assert {route for route, guard in routes.items() if guard == ("NONE", True)} == KEY_HOLDERS
    assert {route for route, guard in routes.items() if guard == ("AWS_IAM", False)} == OPERATORS
    assert set(routes) == KEY_HOLDERS | OPERATORS


def test_the_openapi_document_has_these_routes_for_these_callers(
    routes: dict[tuple[str, str], tuple[str, bool]],
) -> None:
    definitions = list(load_definitions(REPOSITORY / MODELS_DIR))
    models = "|".join(definition.name for definition in definitions)
    described = {
        (method.upper(), re.sub(rf"/models/({models})(?=/|$)", "/models/{model}", path)): operation["security"]
        for path, operations in openapi(definitions)["paths"].items()
        for method, operation in operations.items()
    }
    guards = {("NONE", True): [{BY_KEY: []}], ("AWS_IAM", False): [{BY_SIGNATURE: []}]}
    assert described == {route: guards[guard] for route, guard in routes.items()}


def test_every_refusal_is_a_problem_document_that_says_what_was_expected(assembly: Assembly) -> None:
    refusals = {each["ResponseType"]: each for _, each in assembly.resources("AWS::ApiGateway::GatewayResponse")}
    assert {
        "DEFAULT_4XX",
        "DEFAULT_5XX",
        "REQUEST_TOO_LARGE",
        "INVALID_API_KEY",
        "MISSING_AUTHENTICATION_TOKEN",
        "THROTTLED",
    } <= set(refusals)
    for name, refusal in refusals.items():
        assert refusal["ResponseParameters"] == {"gatewayresponse.header.Content-Type": "'application/problem+json'"}, (
            name
        )
        problem = json.loads(refusal["ResponseTemplates"]["application/json"])
        assert {"type", "title", "detail", "instance"} <= set(problem), name
        assert problem["detail"].startswith("expected "), name
        assert str(problem.get("status", "")) == refusal.get("StatusCode", ""), name


def test_the_stage_is_throttled_traced_and_logged(assembly: Assembly) -> None:
    [(_, stage)] = assembly.resources("AWS::ApiGateway::Stage")
    [settings] = stage["MethodSettings"]
    assert stage["StageName"] == "v1"
    assert stage["TracingEnabled"] is True
    assert stage["AccessLogSetting"]
    assert settings["ThrottlingRateLimit"] == 500
    assert settings["DataTraceEnabled"] is False


def test_predict_gets_the_routes_of_every_protocol_it_speaks(methods: dict[tuple[str, str], dict[str, Any]]) -> None:
    asked = {f"{verb} {path}" for (verb, path), each in methods.items() if "PredictLive" in str(each["Integration"])}
    assert asked == set(ROUTES)


def test_bytes_of_tensors_arrive_as_they_are(assembly: Assembly) -> None:
    [(_, api)] = assembly.resources("AWS::ApiGateway::RestApi")
    assert api["BinaryMediaTypes"] == ["application/octet-stream"]
