"""Of personal data nothing leaves the worker that answers: not a byte in the queue, the lake or what is printed."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest

from everloop.contracts.monitoring import Check
from everloop.features.profile import Profile, centres_of
from everloop.registry.promotion import promote
from functions.inference import predict, record_outcome
from functions.monitoring import check_model, log_predictions
from tests.http_aws import aws_over_http
from tests.integration.monitoring.test_monitoring_functions import METRICS, inputs, sqs, usual
from tests.plant import MODEL, Plant
from tests.samples import MODELS, NOW, constant_model, event, pump_row, version_files

NAME, PRESSURE, STARTS = "Grace Hopper-Ünwahrscheinlich", 417.640625, 8_675_309
"""Of a column that is dropped, and of two that are hashed."""


@pytest.fixture
def personal(plant: Plant, deploy_models: Callable[..., None], tmp_path: Path) -> Plant:
    toml = (MODELS / "pump-failure.toml").read_text("utf-8")
    for plain, marked in {
        'pump = "text"': 'pump = { type = "text", pii = "drop" }',
        'pressure = { type = "number",': 'pressure = { type = "number", pii = "hash",',
        'starts = { type = "integer",': 'starts = { type = "integer", pii = "hash",',
    }.items():
        assert plain in toml
        toml = toml.replace(plain, marked)
    changed = tmp_path / "pump-failure.toml"
    changed.write_text(toml.replace("[training]", 'of_pump = "lower(pump)"\n\n[training]'), "utf-8")
    deploy_models(changed)
    columns = inputs(usual())
    files = version_files("run-1", constant_model(0.75)) | {
        "profile.json": Profile.of(columns, centres_of(columns)).to_json(),
        "metrics.json": json.dumps(METRICS).encode(),
    }
    plant.registry.register(MODEL, "run-1", files, now=NOW)
    plant.registry.change_aliases(MODEL, lambda aliases: promote(aliases, 1, at=NOW, reason="", by="run"))
    return plant


def traces(folder: Path, plant: Plant) -> Iterator[tuple[str, str]]:
    """Each object of the lake and the models, as text; Parquet cell by cell, too, for it is compressed."""
    for store in (plant.lake, plant.models):
        for key in store.list_keys(""):
            body = store.get(key).body
            yield key, body.decode("utf-8", "replace")
            if key.endswith(".parquet"):
                path = folder / "read.parquet"
                path.write_bytes(body)
                with duckdb.connect() as connection:
                    read = connection.execute(f"SELECT to_json(r)::VARCHAR FROM '{path}' r").fetchall()
                yield key, "\n".join(text for (text,) in read)


def outcomes_of(response: dict[str, Any]) -> list[dict[str, Any]]:
    """Of each prediction but the first, and one of a prediction that nobody made."""
    ids = ["unknown", *(each["prediction_id"] for each in json.loads(response["body"])["predictions"][1:])]
    return [{"prediction_id": each, "actual": 1, "observed_at": "2026-03-15T00:00:00Z"} for each in ids]


def test_nothing_of_a_personal_value_is_left_anywhere(
    personal: Plant, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    row = pump_row(pump=NAME, pressure=PRESSURE, starts=STARTS)
    request: dict[str, Any] = event("inference/predict.json") | {"body": json.dumps({"rows": [row] * 60})}
    with aws_over_http() as url, monkeypatch.context() as here:  # what answers wait for speaks HTTP by itself
        here.setenv("AWS_ENDPOINT_URL", url)
        response = predict.lambda_handler(request, None)
        told = outcomes_of(response)
        request = event("inference/record_outcome.json") | {"body": json.dumps({"outcomes": told})}
        assert record_outcome.lambda_handler(request, None)["statusCode"] == 202
    assert response["statusCode"] == 200
    bodies = personal.messages()
    assert log_predictions.lambda_handler(sqs(*bodies), None) == {"batchItemFailures": []}
    found = check_model.lambda_handler({"model": MODEL, "scheduled_time": "2026-03-16T00:00:00Z"}, None)
    assert Check.model_validate(found).rows == 60
    assert found["unknown_outcomes"] == 1

    written = list(traces(tmp_path, personal))
    written += [("queue", body) for body in bodies]
    written += [("event", json.dumps(told, ensure_ascii=False)) for told in personal.events()]
    written += [("log", text) for text in capfd.readouterr()]
    logged = [text for key, text in written if key.startswith("predictions/")]
    assert any('"input_kind":"axial"' in text for text in logged), "the rest of the row is there"
    for value in (NAME, NAME.lower(), json.dumps(NAME)[1:-1], "Grace", "417.64", "8675309"):
        assert [key for key, text in written if value in text] == []
    rows = [json.loads(line) for text in logged if text.startswith("{") for line in text.splitlines()]
    assert len(rows) == 60
    assert {len(each["input_pressure"]) for each in rows} == {32}
    assert "input_pump" not in rows[0]
    assert {(each["feature_of_pump"], each["feature_pressure_per_start"], each["feature_hour"]) for each in rows} == {
        (None, None, 8.0)
    }
