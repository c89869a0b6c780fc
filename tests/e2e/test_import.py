"""A model that was trained elsewhere: imported over the command line, answering over HTTP, rolled back."""

import csv
import json
import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from numpy.testing import assert_allclose
from typer.testing import CliRunner

from local import cli
from local.loop import Loop
from tests.e2e.pumps import Reading, end_of_week, readings, request_rows, write_csv
from tests.e2e.steps import ROWS, upload, wait_until_answers
from tests.foreign import linear

pytestmark = pytest.mark.server

MODEL = "pump-imported"
STRENGTHS = {1: 0.06, 2: 0.08}
"""Of the pressure, in the models that become these versions."""
BIAS = -5.0


@pytest.fixture(scope="module")
def run(loop: Loop, cloud_folder: Path, files: Path) -> Callable[..., Any]:
    environment = {"EVERLOOP_HOME": str(cloud_folder / "home"), "EVERLOOP_TARGET": "local"}
    upload(loop, MODEL, write_csv(files / f"{MODEL}.csv", readings(ROWS, seed=1)))
    return lambda *arguments: CliRunner().invoke(cli.app, list(map(str, arguments)), env=environment)


def model_file(folder: Path, version: int) -> Path:
    path = folder / f"pressure-{version}.onnx"
    path.write_bytes(linear(width=1, scale=STRENGTHS[version], bias=BIAS))
    return path


def expected(rows: Sequence[Reading], version: int) -> list[float]:
    return [1 / (1 + math.exp(-BIAS - STRENGTHS[version] * (row["pressure"] or 0))) for row in rows]


def reference(folder: Path, version: int) -> Path:
    rows = readings(60, seed=5)
    path = folder / f"reference-{version}.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, [*rows[0], "risk"])
        writer.writeheader()
        writer.writerows({**row, "risk": risk} for row, risk in zip(rows, expected(rows, version), strict=True))
    return path


def imported(run: Callable[..., Any], folder: Path, version: int, compared_with: int) -> Any:
    how = ["--inputs", "pressure", "--answer", "logit", "--as-of", end_of_week(0)]
    told = ["--reference", reference(folder, compared_with), "--prediction", "risk"]
    return run("import", MODEL, model_file(folder, version), *how, *told, "--json")


def test_an_imported_model_answers_until_it_is_rolled_back(loop: Loop, run: Callable[..., Any], tmp_path: Path) -> None:
    rows = readings(20, seed=9)
    for version in (1, 2):
        shown = imported(run, tmp_path, version, compared_with=version)
        report = json.loads(shown.stdout)
        assert (report["status"], report["version"]) == ("promoted", version), shown.output
        assert "60 of them with the predictions in `reference-" in report["gates"][0]["detail"]
        wait_until_answers(loop, MODEL, version)
        answered = loop.predict(MODEL, request_rows(rows))["predictions"]
        assert {answer["answered_by"] for answer in answered} == {"model"}
        assert_allclose([answer["score"] for answer in answered], expected(rows, version), rtol=1e-5)
    assert run("rollback", MODEL).exit_code == 0
    wait_until_answers(loop, MODEL, 1)
    card = run("card", MODEL, 2).stdout
    assert "imported by" in card
    assert "from `pressure-2.onnx`" in card
    assert "trained elsewhere" in str(run("reproduce", MODEL, 2).exception)


def test_a_model_that_answers_otherwise_than_where_it_was_trained_is_refused(
    run: Callable[..., Any], tmp_path: Path
) -> None:
    report = json.loads(imported(run, tmp_path, 1, compared_with=2).stdout)
    assert (report["status"], report["version"]) == ("refused", None)
    assert [gate["name"] for gate in report["gates"] if not gate["passed"]] == ["parity"]


def test_a_file_that_is_no_model_fails_with_what_was_expected(run: Callable[..., Any], tmp_path: Path) -> None:
    path = tmp_path / "model.pt"
    path.write_bytes(b"PK\x03\x04 as torch.save writes")
    shown = run("import", MODEL, path, "--as-of", end_of_week(0))
    assert shown.exit_code == 1
    assert "UnusableModelError: expected an ONNX file, got a zip, as PyTorch and Keras save" in shown.stdout


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["nowhere.onnx"], "nowhere.onnx is not a file; expected an ONNX file"),
        ([Path(__file__), "--reference", "nowhere.csv"], "nowhere.csv is not a file; expected a CSV, JSON or Parquet"),
        ([Path(__file__), "--answer", "label"], "answer: expected 'probability' or 'logit', got 'label'"),
    ],
)
def test_a_wrong_argument_is_told_at_once(run: Callable[..., Any], arguments: list[Any], words: str) -> None:
    shown = run("import", MODEL, *arguments)
    assert words in str(shown.exception)
