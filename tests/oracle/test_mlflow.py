"""MLflow loads the directory of a version and gives the answers of the API, for frames as people have them."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest

from everloop.adapters.definitions import load_definition
from everloop.stores.work import WorkStore
from functions.inference import predict
from functions.registry import register_version
from functions.training import evaluate_candidate, fit_candidate, prepare_dataset
from tests.http_aws import aws_over_http
from tests.plant import MODEL, Plant
from tests.samples import MODELS, event, quick_parameters

mlflow = pytest.importorskip("mlflow", reason="MLflow is not installed; run make test-oracles")
pd = pytest.importorskip("pandas")

pytestmark = pytest.mark.oracle

REQUEST = event("training/prepare_dataset.json")
ALGORITHM = "hist-gradient-boosting"
RUN = {"model": MODEL, "run_id": REQUEST["run_id"]}
TASKS = {
    "binary": {},
    "multiclass": {
        'task = "binary-classification"': 'task = "multiclass-classification"',
        'target = "failed"': 'target = "kind"',
        "{ roc_auc = 0.6 }": "{}",
        "fallback = 0.1": 'fallback = "axial"',
    },
    "regression": {
        'task = "binary-classification"': 'task = "regression"',
        'target = "failed"': 'target = "pressure"',
        'pressure_per_start = "pressure / (starts + 1)"': 'hour_of_starts = "hour(measured_at) / (starts + 1)"',
        "{ roc_auc = 0.6 }": "{}",
    },
}
MOMENTS = ("2026-03-14T08:00:00Z", "2026-03-14T09:30:00Z", "2026-03-15T23:59:59Z")
ROWS: list[dict[str, Any]] = [
    {"kind": "axial", "pressure": 100, "starts": 3, "outdoors": True, "failed": False},
    {"kind": "Zahnrad-Ölpumpe", "pressure": 950, "starts": 0, "outdoors": False, "failed": True},
    {"kind": "radial", "pressure": 500, "starts": 6, "outdoors": True, "failed": True},
]
WITH_NULLS = [ROWS[0], {**ROWS[1], "kind": None, "pressure": None}, {**ROWS[2], "outdoors": None, "kind": "never seen"}]


class Version(NamedTuple):
    directory: Path
    target: str


@pytest.fixture(params=TASKS)
def version(
    request: pytest.FixtureRequest, plant: Plant, tmp_path: Path, deploy_models: Callable[..., None]
) -> Version:
    """Version 1, made by the steps of a training run, and its directory as it lies in the bucket."""
    text = (MODELS / "pump-failure.toml").read_text("utf-8")
    for line, replacement in {', allowed = ["axial", "radial", "Zahnrad-Ölpumpe"]': "", **TASKS[request.param]}.items():
        assert text.count(line) == 1, line
        text = text.replace(line, replacement)
    (tmp_path / "pump-failure.toml").write_text(text, "utf-8")
    deploy_models(tmp_path / "pump-failure.toml")
    plant.accept_batch(tmp_path, rows=1_200)
    prepare_dataset.lambda_handler(REQUEST, None)
    trial = {"trial": 0, "algorithm": ALGORITHM, "parameters": quick_parameters(ALGORITHM), "value": 0.5}
    fit_candidate.lambda_handler({**RUN, "trials": [{**trial, "folds": [0.5] * 3}]}, None)
    evaluate_candidate.lambda_handler(RUN, None)
    register_version.lambda_handler(RUN, None)
    directory = tmp_path / "version"
    directory.mkdir()
    for name, body in WorkStore(plant.lake, **RUN).candidate_files().items():
        (directory / name).write_bytes(body)
    return Version(directory, load_definition(MODEL).data.target)


def answers_of_the_api(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    request = event("inference/predict_pinned_version.json") | {"body": json.dumps({"rows": rows})}
    with aws_over_http() as url, pytest.MonkeyPatch.context() as patched:
        patched.setenv("AWS_ENDPOINT_URL", url)
        response = predict.lambda_handler(request, None)
    assert response["statusCode"] == 200, response["body"]
    return [
        {name: answer[name] for name in ("score", "label", "value") if name in answer}
        for answer in json.loads(response["body"])["predictions"]
    ]


def test_mlflow_answers_as_the_api_does(version: Version) -> None:
    model = mlflow.pyfunc.load_model(str(version.directory))
    moments = pd.to_datetime(pd.Series(MOMENTS))
    for rows in (ROWS, WITH_NULLS):
        carried = [{name: cell for name, cell in row.items() if name != version.target} for row in rows]
        requested = [{**row, "measured_at": at} for row, at in zip(carried, MOMENTS, strict=True)]
        expected = answers_of_the_api(requested)
        frame = pd.DataFrame(carried)
        assert rows is WITH_NULLS or {kind.kind for kind in frame.dtypes} >= {"i", "b"}, "as a frame has them"
        for written in (moments, moments.dt.tz_localize(None), moments.dt.tz_convert("Asia/Tokyo"), MOMENTS):
            answered = model.predict(frame.assign(measured_at=written))
            assert_same(answered.to_dict("records"), expected)
        nullable = frame.convert_dtypes().assign(measured_at=moments)
        assert_same(model.predict(nullable).to_dict("records"), expected)
        assert_same(model.predict(requested).to_dict("records"), expected)


def assert_same(answered: list[dict[str, Any]], expected: list[dict[str, Any]]) -> None:
    assert [answer.get("label") for answer in answered] == [answer.get("label") for answer in expected]
    for name in ("score", "value"):
        if name in expected[0]:
            found, wanted = ([answer[name] for answer in answers] for answers in (answered, expected))
            np.testing.assert_allclose(
                found, wanted, rtol=1e-6
            )  # with more threads float32 sums differ in the last bit


def test_a_column_that_may_be_null_may_be_left_out_and_another_may_not(version: Version) -> None:
    model = mlflow.pyfunc.load_model(str(version.directory))
    least = [{"measured_at": MOMENTS[0], "starts": 3, "failed": True}]
    least[0].pop(version.target, None)
    assert_same(model.predict(pd.DataFrame(least)).to_dict("records"), answers_of_the_api(least))
    with pytest.raises(mlflow.exceptions.MlflowException, match="missing inputs"):
        model.predict(pd.DataFrame([{"measured_at": MOMENTS[0]}]))


def test_the_example_is_a_row_that_nobody_delivered_and_is_answered(version: Version) -> None:
    model = mlflow.pyfunc.load_model(str(version.directory))
    example = model.input_example
    assert len(example) == len(model.predict(example)) == 1
    assert set(example.columns) == set(model.metadata.signature.inputs.input_names())
    assert example["starts"].item() == 3


def test_the_flavor_onnx_is_there_as_well(version: Version) -> None:
    loaded = mlflow.onnx.load_model(str(version.directory))
    assert loaded.SerializeToString(deterministic=True)
