"""A forecast through the real steps: trained on a seasonal series, kept lags, and asked for the hours to come."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import duckdb
import numpy as np
import pytest

from everloop.stores.work import WorkStore
from functions.inference import predict
from functions.materialization import materialize_history
from functions.monitoring import explain_prediction, log_predictions
from functions.registry import register_version, set_alias
from functions.training import evaluate_candidate, fit_candidate, prepare_dataset, run_trial
from tests.http_aws import aws_over_http
from tests.plant import Plant
from tests.samples import event

MODEL = "hires"
DEFINITION = f"""
name = "{MODEL}"
task = "forecasting"
[data]
target = "bikes"
timestamp = "moment"
row_id = ["moment", "station"]
[columns]
moment = "timestamp"
station = "category"
bikes = "number"
[forecast]
period = "1 hour"
horizon = "1 day"
seasons = ["1 day", "7 days"]
by = "station"
[features]
hour_of_day = "hour(moment)"
day_of_week = "dayofweek(moment)"
[training]
algorithms = ["hist-gradient-boosting", "ridge"]
trials = 2
"""
NEWEST = datetime(2026, 3, 14, 8, tzinfo=UTC)
HOURS = 24 * 90
NOISE = 2.0
WRONG, CORRECTED = 1e4, 100
"""Values that were delivered first, of so many of the newest rows."""
STATIONS = {"north": 100.0, "south": 160.0}
RUN = {"model": MODEL, "run_id": "run-1"}
REQUEST = {**RUN, "as_of": "2026-03-14T09:00:00Z", "reason": "a test asked for it", "requested_by": "pytest"}


class Trained(NamedTuple):
    metrics: dict[str, Any]
    files: dict[str, bytes]


def truth(station: str, moment: datetime) -> float:
    """Busier by day, and on five days of the week; the noise is beside it."""
    day = 40 * np.sin(2 * np.pi * (moment.hour - 6) / 24)
    return STATIONS[station] + float(day) + 30 * (moment.weekday() < 5)


@pytest.fixture
def world(plant: Plant, deploy_models: Callable[..., None], tmp_path: Path) -> Plant:
    path = tmp_path / f"{MODEL}.toml"
    path.write_text(DEFINITION, "utf-8")
    deploy_models(path)
    rng = np.random.default_rng(5)
    moments = [NEWEST - timedelta(hours=n) for n in reversed(range(HOURS))]
    rows = [
        (at.replace(tzinfo=None), name, truth(name, at) + NOISE * rng.normal()) for at in moments for name in STATIONS
    ]
    rows = [(at, name, WRONG) for at, name, _ in rows[-CORRECTED:]] + rows
    file = tmp_path / "rows.parquet"
    with duckdb.connect() as connection:
        connection.execute("CREATE TABLE rows (moment TIMESTAMP, station VARCHAR, bikes DOUBLE)")
        connection.executemany("INSERT INTO rows VALUES (?, ?, ?)", rows)
        connection.execute(f"COPY rows TO '{file}' (FORMAT parquet)")
    plant.accept(MODEL, file, len(rows), received_at=NEWEST, first=moments[0], last=NEWEST, timestamp="moment")
    return plant


def train(plant: Plant) -> Trained:
    dataset = prepare_dataset.lambda_handler(REQUEST, None)
    trials = [run_trial.lambda_handler({**RUN, "trial": trial}, None) for trial in dataset["search"]["trials"]]
    fit_candidate.lambda_handler({**RUN, "trials": trials}, None)
    evaluation = evaluate_candidate.lambda_handler(RUN, None)
    assert evaluation["passed"], evaluation["gates"]
    register_version.lambda_handler(RUN, None)
    set_alias.lambda_handler({**RUN, "version": 1, "against": None, "reason": "first"}, None)
    files = WorkStore(plant.lake, MODEL, RUN["run_id"]).candidate_files()
    return Trained(json.loads(files["metrics.json"]), files)


def keep_history() -> None:
    told = event("materialization/batch_accepted.json")
    text = json.dumps(told).replace("pump-failure", MODEL)
    assert materialize_history.lambda_handler(json.loads(text), None) == {"batchItemFailures": []}


def ask(monkeypatch: pytest.MonkeyPatch, *rows: dict[str, Any]) -> list[dict[str, Any]]:
    request = event("inference/predict.json") | {"body": json.dumps({"rows": rows}), "pathParameters": {"model": MODEL}}
    with aws_over_http() as url, monkeypatch.context() as patched:
        patched.setenv("AWS_ENDPOINT_URL", url)
        response = predict.lambda_handler(request, None)
    assert response["statusCode"] == 200, response["body"]
    answered: list[dict[str, Any]] = json.loads(response["body"])["predictions"]
    return answered


def log(plant: Plant) -> None:
    (record, *_) = event("monitoring/log_predictions.json")["Records"]
    queued = {"Records": [{**record, "body": body} for body in plant.messages()]}
    assert log_predictions.lambda_handler(queued, None) == {"batchItemFailures": []}


def explained(prediction_id: str) -> dict[str, Any]:
    request = event("monitoring/explain_prediction.json") | {"pathParameters": {"prediction_id": prediction_id}}
    response = explain_prediction.lambda_handler(request, None)
    assert response["statusCode"] == 200, response["body"]
    told: dict[str, Any] = json.loads(response["body"])
    return told


def test_it_beats_the_naive_forecasts_and_tells_them_by_name(world: Plant) -> None:
    metrics, files = train(world)
    assert metrics["metric"] == "mae"
    assert metrics["backtest"]["naive"] == "lag_7d", "a week ago the day of the week was the same"
    assert metrics["baselines"].keys() == {"lag_7d", "lag_1d", "mean"}
    assert metrics["baseline"] == metrics["baselines"]["lag_7d"]
    # The mean of a difference of two noises, and of the one that nobody can know.
    assert metrics["baseline"]["mae"] == pytest.approx(NOISE * np.sqrt(2) * np.sqrt(2 / np.pi), rel=0.1)
    assert metrics["candidate"]["mae"] < 0.95 * metrics["baseline"]["mae"]
    better = [each["value"] < each["naive"] for each in metrics["backtest"]["periods"]]
    assert sum(better) > len(better) / 2
    card = files["card.md"].decode()
    assert "| metric | this version | naive: lag_7d | naive: lag_1d | naive: mean | 95 % interval |" in card
    assert "## How it would have forecast" in card
    assert "![Forecast and actual values](forecast.svg)" in card
    assert files["forecast.svg"].count(b"<polyline") == 2
    assert all(f">{name}</text>".encode() in files["forecast.svg"] for name in ("forecast", "actual", "bikes"))


def test_hours_to_come_are_answered_near_the_truth_and_what_is_missing_is_told(
    world: Plant, monkeypatch: pytest.MonkeyPatch
) -> None:
    train(world)
    keep_history()
    asked = [(name, NEWEST + timedelta(hours=n)) for name in STATIONS for n in range(1, 25)]
    coming = [{"moment": at.isoformat(), "station": name} for name, at in asked]
    *answers, beyond, stranger = ask(
        monkeypatch,
        *coming,
        {"moment": (NEWEST + timedelta(hours=25)).isoformat(), "station": "north"},
        {"moment": (NEWEST + timedelta(hours=1)).isoformat(), "station": "east"},
    )
    errors = [answer["value"] - truth(name, at) for answer, (name, at) in zip(answers, asked, strict=True)]
    assert np.abs(errors).mean() < NOISE
    assert {(answer["answered_by"], *answer["missing_lags"]) for answer in answers} == {("model",)}
    assert beyond["missing_lags"] == ["lag_1d"]
    assert stranger["missing_lags"] == [
        *("lag_1d", "lag_2d", "lag_3d", "lag_7d", "lag_14d", "lag_21d", "mean_1d", "mean_7d")
    ]
    log(world)
    for answer in (answers[0], answers[-1], beyond, stranger):
        told = explained(answer["prediction_id"])
        assert told["answer"]["score"] == answer["value"]
        assert sorted(name for name, value in told["history"].items() if value is None) == sorted(
            answer["missing_lags"]
        )
        assert told["reexecution"]["reproduced"] is True
        assert [each["file"] for each in told["dataset"]["batches"]] == [f"uploads/{MODEL}/rows.parquet"]
