"""Clients of MLflow and of Triton ask over HTTP, and get what our own protocol answers."""

import json
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np
import pytest

from everloop.inference.protocols import ROUTES
from everloop.registry.promotion import promote
from functions.inference import predict
from tests.gateway import BINARY, KEY, Gateway, served
from tests.http_aws import aws_over_http
from tests.oracle.test_mlflow import MOMENTS, ROWS, WITH_NULLS, Version, answers_of_the_api, assert_same, version
from tests.plant import MODEL, Plant
from tests.samples import NOW

mlflow = pytest.importorskip("mlflow", reason="MLflow is not installed; run make test-oracles")
triton = pytest.importorskip("tritonclient.http", reason="Triton's client is not installed; run make test-oracles")
pd = pytest.importorskip("pandas")

__all__ = ["version"]

pytestmark = pytest.mark.oracle

GATEWAY = Gateway(dict.fromkeys(ROUTES, predict.lambda_handler))
HEADERS = {"x-api-key": KEY}


@pytest.fixture
def url(version: Version, plant: Plant, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Version 1 is champion."""
    plant.registry.change_aliases(MODEL, lambda aliases: promote(aliases, 1, at=NOW, reason="", by="test"))
    with aws_over_http() as aws, served(with_key) as address:
        monkeypatch.setenv("AWS_ENDPOINT_URL", aws)
        yield f"{address}/v1"


def with_key(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    """As a proxy adds it for clients that know no keys."""
    return GATEWAY({"HTTP_X_API_KEY": KEY, **environ}, start_response)


def asked_rows(version: Version, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    timed = [{**row, "measured_at": at} for row, at in zip(rows, MOMENTS, strict=True)]
    return [{name: cell for name, cell in row.items() if name != version.target} for row in timed]


# MLflow


def client_of(url: str) -> Any:
    from mlflow.pyfunc.scoring_server.client import ScoringServerClient

    host, port = url.removesuffix("/v1").split(":")
    client = ScoringServerClient(host, port)
    client.url_prefix += "/v1"
    client.wait_server_ready(timeout=10)
    client.url_prefix += f"/models/{MODEL}"
    return client


def test_mlflows_client_gets_what_the_model_gives_in_mlflow(version: Version, url: str) -> None:
    client, model = client_of(url), mlflow.pyfunc.load_model(str(version.directory))
    frame = pd.DataFrame(asked_rows(version, ROWS)).assign(measured_at=pd.to_datetime(pd.Series(MOMENTS)))
    expected = model.predict(frame).to_dict("records")
    assert_same(client.invoke(frame).get_predictions().to_dict("records"), expected)
    assert_same(client.invoke(frame, params={"temperature": 0}).get_predictions().to_dict("records"), expected)
    assert_same(client.invoke(asked_rows(version, ROWS)).get_predictions().to_dict("records"), expected)
    with_null = frame.astype(object).assign(kind=None)
    assert_same(
        client.invoke(with_null).get_predictions().to_dict("records"), model.predict(with_null).to_dict("records")
    )


def test_what_mlflow_makes_of_its_example_is_answered(version: Version, url: str) -> None:
    from mlflow.models import convert_input_example_to_serving_input

    model = mlflow.pyfunc.load_model(str(version.directory))
    body = convert_input_example_to_serving_input(model.input_example)
    answered = client_of(url).invoke(body).get_predictions().to_dict("records")
    assert_same(answered, model.predict(model.input_example).to_dict("records"))


def test_a_csv_that_pandas_wrote_is_answered(version: Version, url: str) -> None:
    import requests

    frame = pd.DataFrame(asked_rows(version, WITH_NULLS))
    response = requests.post(
        f"http://{url}/models/{MODEL}/invocations",
        data=frame.to_csv(index=False).encode(),
        headers={"Content-Type": "text/csv; charset=utf-8"},
        timeout=30,
    )
    answered = mlflow.deployments.PredictionsResponse.from_json(response.text).get_predictions().to_dict("records")
    assert_same(answered, answers_of_the_api(asked_rows(version, WITH_NULLS)))


def test_mlflows_client_says_what_is_wrong(version: Version, url: str) -> None:
    frame = pd.DataFrame(asked_rows(version, ROWS)).assign(starts="many")
    with pytest.raises(Exception, match=r"error code 422.*row 0, column 'starts': expected integer, got 'many'"):
        client_of(url).invoke(frame)


# Triton


def tensors(version: Version, rows: list[dict[str, Any]], *, binary: bool) -> list[Any]:
    from tritonclient.utils import np_to_triton_dtype

    types = {"starts": np.int64, "pressure": np.float64, "outdoors": np.bool_, "failed": np.bool_}
    inputs = []
    for name in asked_rows(version, rows)[0]:
        cells = [row[name] for row in asked_rows(version, rows)]
        kind = types.get(name, np.object_)
        if None in cells and kind is not np.object_:
            kind = np.float64
        values = np.array([("" if cell is None else cell) if kind is np.object_ else cell for cell in cells], kind)
        inputs.append(triton.InferInput(name, [len(cells)], np_to_triton_dtype(values.dtype)))
        inputs[-1].set_data_from_numpy(values, binary_data=binary)
    return inputs


@pytest.mark.parametrize("rows", [ROWS, WITH_NULLS], ids=["whole", "with nulls"])
@pytest.mark.parametrize("binary_in", [False, True])
@pytest.mark.parametrize("binary_out", [False, True])
def test_tritons_client_gets_what_our_own_protocol_answers(
    version: Version, url: str, rows: list[dict[str, Any]], binary_in: bool, binary_out: bool
) -> None:
    if rows is WITH_NULLS and not binary_in:
        pytest.skip("this client writes NaN into JSON, which is none")
    client = triton.InferenceServerClient(url)
    types = {"Content-Type": BINARY} if binary_in else {}
    accept = {"Accept": BINARY} if binary_out else {}
    result = client.infer(
        MODEL, tensors(version, rows, binary=binary_in), request_id="r-1", headers=HEADERS | types | accept
    )
    expected = answers_of_the_api(asked_rows(version, rows))
    name = "value" if "value" in expected[0] else "score"
    found = result.as_numpy(name)
    assert (found.dtype, found.shape) == (np.float64, (len(rows),))
    np.testing.assert_allclose(found, [answer[name] for answer in expected], rtol=1e-6)
    assert result.as_numpy("version").tolist() == [1] * len(rows)
    assert result.get_response()["id"] == "r-1"
    assert ("parameters" in result.get_output(name)) is binary_out
    if "label" in expected[0]:
        labels = [each.decode() if isinstance(each, bytes) else each for each in result.as_numpy("label").tolist()]
        told = [answer["label"] for answer in expected]
        assert labels == [label if isinstance(label, str) else json.dumps(label) for label in told]


def test_tritons_client_may_choose_its_outputs(version: Version, url: str) -> None:
    client = triton.InferenceServerClient(url)
    wanted = [triton.InferRequestedOutput("prediction_id", binary_data=True)]
    headers = HEADERS | {"Content-Type": BINARY, "Accept": BINARY}
    result = client.infer(MODEL, tensors(version, ROWS, binary=True), outputs=wanted, headers=headers)
    assert len(set(result.as_numpy("prediction_id").tolist())) == len(ROWS)
    assert result.as_numpy("answered_by") is None


def test_tritons_client_learns_what_is_there_and_ready(version: Version, url: str) -> None:
    client = triton.InferenceServerClient(url)
    assert client.is_server_live(headers=HEADERS)
    assert client.is_server_ready(headers=HEADERS)
    assert client.is_model_ready(MODEL, headers=HEADERS)
    assert client.is_model_ready(MODEL, "1", headers=HEADERS)
    assert not client.is_model_ready(MODEL, "2", headers=HEADERS)
    assert not client.is_model_ready("pump", headers=HEADERS)
    assert "binary_tensor_data" in client.get_server_metadata(headers=HEADERS)["extensions"]
    metadata = client.get_model_metadata(MODEL, headers=HEADERS)
    assert metadata["versions"] == ["1"]
    assert {each["name"] for each in metadata["inputs"]} == set(asked_rows(version, ROWS)[0]) | {"pump", "kind"} - {
        version.target
    }


def test_tritons_client_says_what_is_wrong(version: Version, url: str) -> None:
    client = triton.InferenceServerClient(url)
    with pytest.raises(triton.InferenceServerException, match=r"or the tensors as JSON \(binary_data=False\)"):
        client.infer(MODEL, tensors(version, ROWS, binary=True), headers=HEADERS)
    with pytest.raises(triton.InferenceServerException, match="no model is called 'pump'"):
        client.infer("pump", tensors(version, ROWS, binary=False), headers=HEADERS)
