"""Recommendations through the real steps: trained on who bought what, and asked for by shopper and by items."""

import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest

from everloop.stores.work import WorkStore
from functions.inference import predict
from functions.registry import register_version, set_alias
from functions.training import evaluate_candidate, fit_candidate, prepare_dataset, run_trial
from tests.http_aws import aws_over_http
from tests.plant import Plant
from tests.samples import event
from tests.shoppers import DEFINITION, MODEL, NEWEST, ROWS, group_of, purchases, write_csv

RUN = {"model": MODEL, "run_id": "run-1"}
AS_OF = NEWEST + timedelta(hours=1)
REQUEST = {**RUN, "as_of": AS_OF.isoformat(), "reason": "a test asked for it", "requested_by": "pytest"}
STRANGERS = 40


@pytest.fixture
def shop(plant: Plant, deploy_models: Callable[..., None], tmp_path: Path) -> Plant:
    """A batch of purchases, some of them of nobody."""
    path = tmp_path / f"{MODEL}.toml"
    path.write_text(DEFINITION, "utf-8")
    deploy_models(path)
    rows = purchases()
    for row in rows[:: ROWS // STRANGERS]:
        row["shopper"] = ""
    source, file = write_csv(tmp_path / "rows.csv", rows), tmp_path / "rows.parquet"
    with duckdb.connect() as connection:
        connection.execute(
            "COPY (SELECT nullif(shopper, '') AS shopper, article, bought_at::TIMESTAMPTZ::TIMESTAMP AS bought_at,"
            f" price FROM read_csv('{source}')) TO '{file}' (FORMAT parquet)"
        )
    first = NEWEST - timedelta(hours=ROWS - 1)
    plant.accept(MODEL, file, ROWS, received_at=AS_OF, first=first, last=NEWEST, timestamp="bought_at")
    return plant


def call(handler: Any, request: dict[str, Any]) -> dict[str, Any]:
    answer: dict[str, Any] = json.loads(json.dumps(handler.lambda_handler(request, None), allow_nan=False))
    return answer


def trained() -> dict[str, Any]:
    """What the evaluation says."""
    prepared = call(prepare_dataset, REQUEST)
    assert prepared["rows"] == ROWS - STRANGERS, "a purchase of nobody teaches nothing"
    trials = [call(run_trial, {**RUN, "trial": trial}) for trial in prepared["search"]["trials"]]
    assert {trial["algorithm"] for trial in trials} == {"matrix-factorization", "item-similarity"}
    call(fit_candidate, {**RUN, "trials": trials})
    return call(evaluate_candidate, RUN)


def ask(monkeypatch: pytest.MonkeyPatch, *rows: dict[str, Any]) -> list[dict[str, Any]]:
    request = {**event("inference/predict.json"), "pathParameters": {"model": MODEL}}
    with aws_over_http() as url, monkeypatch.context() as patched:
        patched.setenv("AWS_ENDPOINT_URL", url)
        answer = predict.lambda_handler({**request, "body": json.dumps({"rows": rows})}, None)
    assert answer["statusCode"] == 200, answer["body"]
    predictions: list[dict[str, Any]] = json.loads(answer["body"])["predictions"]
    return predictions


def test_a_run_ends_with_a_champion_that_recommends(shop: Plant, monkeypatch: pytest.MonkeyPatch) -> None:
    evaluation = trained()
    assert evaluation["passed"], evaluation["gates"]
    assert evaluation["metrics"].keys() == {"hit_rate", "ndcg", "recall"}
    files = WorkStore(shop.lake, MODEL, "run-1").candidate_files()
    metrics = json.loads(files["metrics.json"])
    assert metrics["candidate"]["hit_rate"] > metrics["baselines"]["popularity"]["hit_rate"] + 0.1
    assert {part["column"] for part in metrics["slices"]["parts"]} <= {"interactions before"}
    card = files["card.md"].decode()
    assert f"It recommended 5 items to each of the {metrics['recommendations']['users']} users" in card
    assert json.loads(files["profile.json"])["columns"] == {}, "requests are no sample of purchases: nothing drifts"

    call(register_version, RUN)
    call(set_alias, {**RUN, "version": 1, "against": None, "reason": "first"})
    by_id, by_items, stranger = ask(
        monkeypatch,
        {"shopper": "2-s2"},
        {"items": ["3-ä1", "3-ä2"], "bought_at": "2026-03-14T09:00:00Z"},
        {"shopper": "nobody"},
    )
    assert {group_of(each["item"]) for each in by_id["items"]} == {2}
    assert {group_of(each["item"]) for each in by_items["items"]} == {3}
    assert len(stranger["items"]) == 5
    scores = [each["score"] for each in by_id["items"]]
    assert scores == sorted(scores, reverse=True)
    [logged] = shop.messages()
    assert json.loads(json.loads(logged)["label"][0]) == [each["item"] for each in by_id["items"]]


def test_every_step_may_be_repeated_and_makes_the_same(shop: Plant) -> None:
    def models() -> list[bytes]:
        trained()
        work = WorkStore(shop.lake, MODEL, "run-1")
        return [work.read(f"fitted/{name}.onnx") for name in ("model", "judged")]

    assert models() == models()
