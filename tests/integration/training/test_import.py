"""A model that was trained elsewhere goes through the steps of a training run, without a search."""

import csv
import hashlib
import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from everloop.contracts.imports import model_key, reference_key
from everloop.errors import ObjectNotFoundError, UnusableModelError, UnusableReferenceError
from everloop.inference.rows import to_columns
from everloop.scorer import Scorer
from functions.inference import predict
from functions.registry import operate_models, register_version, set_alias
from functions.training import evaluate_candidate, finish_run, import_candidate, prepare_dataset
from tests.foreign import linear
from tests.http_aws import aws_over_http
from tests.plant import MODEL, Plant
from tests.samples import event, pump_failure, pump_row

MODEL_FILE = linear(width=1, scale=0.01, bias=-5.5)
"""Of the pressure; as logits."""
HOW = {"inputs": ["pressure"], "answer": "logit"}


@pytest.fixture
def stocked(plant: Plant, tmp_path: Path) -> Plant:
    plant.accept_batch(tmp_path, rows=1_200)
    return plant


def land(plant: Plant, body: bytes, key_of: Any = model_key) -> str:
    sha256 = hashlib.sha256(body).hexdigest()
    plant.landing.put_new(key_of(MODEL, sha256), body)
    return sha256


def asked_for(plant: Plant, **body: Any) -> dict[str, Any]:
    """The input of the state machine."""
    request = event("registry/request_import.json") | {"body": json.dumps({"as_of": "2026-03-15", **HOW, **body})}
    response = operate_models.lambda_handler(request, None)
    assert response["statusCode"] == 202, response["body"]
    told: dict[str, Any] = json.loads(response["body"])
    return told


def imported(plant: Plant, **body: Any) -> dict[str, Any]:
    """The state after `evaluate_candidate`."""
    request = asked_for(plant, **body)
    run = event("training/import_candidate.json") | {"run_id": request["run_id"]}
    state = {**request, "dataset": prepare_dataset.lambda_handler(request, None)}
    assert not plant.lake.exists(f"work/{MODEL}/{request['run_id']}/plan.json"), "there is nothing to search"
    state["candidate"] = import_candidate.lambda_handler(run, None)
    assert import_candidate.lambda_handler(run, None) == state["candidate"], "repeated"
    state["evaluation"] = evaluate_candidate.lambda_handler(run, None)
    return state


def ended(state: dict[str, Any]) -> dict[str, Any]:
    run = {"model": MODEL, "run_id": state["run_id"]}
    state["registration"] = register_version.lambda_handler(run, None)
    against = state["evaluation"]["against"]
    promoted = {**run, **state["registration"], "against": against, "reason": state["reason"]}
    state["promotion"] = set_alias.lambda_handler(promoted, None)
    return finish_run.lambda_handler({**run, "status": "promoted", "state": state}, None)


def test_an_imported_model_becomes_champion_and_answers(stocked: Plant, monkeypatch: pytest.MonkeyPatch) -> None:
    state = imported(stocked, sha256=land(stocked, MODEL_FILE), file="pressure.onnx")
    assert state["evaluation"]["passed"], state["evaluation"]["gates"]
    assert ended(state) == {"status": "promoted", "version": 1}
    rows = [pump_row(pressure=100), pump_row(pressure=900), pump_row(pressure=None)]
    request = event("inference/predict.json") | {"body": json.dumps({"rows": rows})}
    with aws_over_http() as url:
        monkeypatch.setenv("AWS_ENDPOINT_URL", url)
        response = predict.lambda_handler(request, None)
    answers = json.loads(response["body"])["predictions"]
    assert [answer["answered_by"] for answer in answers] == ["model"] * 3
    expected = [1 / (1 + np.exp(5.5 - 0.01 * pressure)) for pressure in (100, 900, 0)]
    np.testing.assert_allclose([answer["score"] for answer in answers], expected, rtol=1e-5)
    lineage = json.loads(stocked.registry.read(MODEL, 1, "lineage.json"))
    assert lineage["imported"]["file"] == "pressure.onnx"
    assert lineage["imported"]["by"] == "arn:aws:iam::123456789012:user/ann"
    report = stocked.registry.report(MODEL, state["run_id"])
    assert (report.status, report.asked_because) == ("promoted", "`pressure.onnx` was imported by an operator")


def test_a_model_may_take_features_and_stays_with_the_columns_it_needs(stocked: Plant) -> None:
    body = linear(width=2, scale=0.01, bias=-7)
    state = imported(stocked, sha256=land(stocked, body), inputs=["pressure", "hour"])
    ended(state)
    scorer = Scorer(stocked.registry.read(MODEL, 1, "model.onnx"))
    assert scorer.inputs == {"measured_at": False, "pressure": False}
    (score,) = scorer.score(to_columns([pump_row(pressure=500, measured_at="2026-03-14T23:00:00Z")], pump_failure()))
    assert score == pytest.approx(1 / (1 + np.exp(7 - 0.01 * 500 - 0.02 * 23)), rel=1e-5)


def test_a_version_that_was_imported_is_not_reproduced(stocked: Plant) -> None:
    ended(imported(stocked, sha256=land(stocked, MODEL_FILE)))
    response = operate_models.lambda_handler(event("registry/request_reproduction.json"), None)
    assert (response["statusCode"], "trained elsewhere" in response["body"]) == (409, True)


# Reference predictions


def reference(folder: Path, shift: float = 0.0, **changes: Any) -> bytes:
    """As a data scientist writes it: rows, some with nulls, and what the model said."""
    rows = [pump_row(pressure=pressure, kind=None if pressure == 300 else "axial") for pressure in range(0, 1_000, 100)]
    for row in rows:
        row["prediction"] = 1 / (1 + np.exp(5.5 - 0.01 * row["pressure"])) + shift
    rows[2]["outdoors"] = None
    rows[0] |= changes
    path = folder / "reference.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)
    return path.read_bytes()


def test_a_model_that_answers_as_it_did_where_it_was_trained_passes(stocked: Plant, tmp_path: Path) -> None:
    told = {"sha256": land(stocked, reference(tmp_path), reference_key), "file": "reference.csv"}
    state = imported(stocked, sha256=land(stocked, MODEL_FILE), reference=told)
    parity = state["evaluation"]["gates"][0]
    assert (parity["name"], parity["passed"]) == ("parity", True)
    assert "over 310 rows" in parity["detail"]
    assert "10 of them with the predictions in `reference.csv`" in parity["detail"]


def test_a_model_that_answers_otherwise_is_refused(stocked: Plant, tmp_path: Path) -> None:
    told = {"sha256": land(stocked, reference(tmp_path, shift=0.01), reference_key)}
    gates = imported(stocked, sha256=land(stocked, MODEL_FILE), reference=told)["evaluation"]["gates"]
    assert [gate["name"] for gate in gates if not gate["passed"]] == ["parity"]


@pytest.mark.parametrize(
    ("changes", "how", "words"),
    [
        (
            {"prediction": "high"},
            {},
            "column 'prediction': expected a number such as 12.5, got something else in 1 rows",
        ),
        ({"prediction": None}, {}, "column 'prediction': expected a number such as 12.5"),
        ({"pressure": "much"}, {}, "column 'pressure': expected a number such as 12.5, got something else in 1 rows"),
        ({"starts": None}, {}, "column 'starts': expected an integer"),
        ({}, {"prediction": "score"}, "and score; got none called 'score'"),
    ],
)
def test_a_reference_that_cannot_be_read_says_why(
    stocked: Plant, tmp_path: Path, changes: dict[str, Any], how: dict[str, Any], words: str
) -> None:
    told = {"sha256": land(stocked, reference(tmp_path, **changes), reference_key), "file": "mine.csv", **how}
    with pytest.raises(UnusableReferenceError, match=f"^mine.csv: .*{re.escape(words)}"):
        imported(stocked, sha256=land(stocked, MODEL_FILE), reference=told)


def test_a_reference_without_rows_or_in_no_known_format_is_refused(stocked: Plant) -> None:
    for body in (b"", b"pressure,prediction\n", b"\x89PNG\r\n\x1a\n0000"):
        told = {"sha256": land(stocked, body, reference_key)}
        with pytest.raises(UnusableReferenceError, match=r"^reference: "):
            imported(stocked, sha256=land(stocked, MODEL_FILE), reference=told)


# What cannot be imported


def test_a_file_that_is_no_model_ends_the_run(stocked: Plant) -> None:
    with pytest.raises(UnusableModelError, match="expected an ONNX file"):
        imported(stocked, sha256=land(stocked, b"not onnx"))


def test_a_file_that_is_too_large_is_not_read(stocked: Plant, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nor is it compared with what was asked for: its bytes are others."""
    monkeypatch.setattr("everloop.training.importing.opening.MAXIMUM_MODEL_MB", 0.0001)
    stocked.landing.put_new(model_key(MODEL, "0" * 64), MODEL_FILE)
    with pytest.raises(UnusableModelError, match=r"expected at most 0.0001 MB, got 0.0 MB; make the model smaller"):
        imported(stocked, sha256="0" * 64)


def test_a_file_that_was_never_delivered_ends_the_run(stocked: Plant) -> None:
    with pytest.raises(ObjectNotFoundError, match=f"imports/{MODEL}/{'0' * 64}.onnx does not exist"):
        imported(stocked, sha256="0" * 64)


def test_bytes_that_were_exchanged_meanwhile_are_not_imported(stocked: Plant) -> None:
    stocked.landing.put_new(model_key(MODEL, "0" * 64), MODEL_FILE)
    with pytest.raises(UnusableModelError, match="expected sha256 0000"):
        imported(stocked, sha256="0" * 64)
