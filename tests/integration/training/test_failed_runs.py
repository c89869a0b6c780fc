"""Whatever the rows are like, a run ends with a report that says why in plain words, or with a model: and as it
fails, what serves stays as it was. Step by step, as the state machine calls it."""

import json
import re
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import boto3
import pytest

from everloop import errors
from everloop.contracts.registry import RunReport
from functions.registry import set_alias
from functions.training import evaluate_candidate, finish_run, fit_candidate, prepare_dataset, run_trial
from tests.plant import MODEL, Plant
from tests.samples import MODELS, NOW, event, register

REQUEST = event("training/prepare_dataset.json")
RUN = {"model": REQUEST["model"], "run_id": REQUEST["run_id"]}
ROWS = 1_200
STEPS = ("prepare_dataset", "run_trial", "fit_candidate", "evaluate_candidate")

Deploy = Callable[..., None]


@pytest.fixture(autouse=True)
def champion(plant: Plant) -> None:
    register(plant.registry, MODEL, "earlier")
    set_alias.lambda_handler(
        {"model": MODEL, "run_id": "earlier", "version": 1, "against": None, "reason": "first"}, None
    )


def ended(plant: Plant, *, losing: tuple[str, str] = ("", "")) -> RunReport:
    """The report of a run whose object `losing[1]` vanished before the step `losing[0]`."""
    state, status = dict(REQUEST), "passed"
    before, key = losing

    def step(handler: Any, request: dict[str, Any]) -> Any:
        if handler.__name__.endswith(before) and before:
            boto3.client("s3").delete_object(Bucket=plant.lake.bucket, Key=key)
        return json.loads(json.dumps(handler.lambda_handler(request, None), allow_nan=False))

    def tried(trial: dict[str, Any]) -> dict[str, Any]:
        try:
            result: dict[str, Any] = step(run_trial, {**RUN, "trial": trial})
        except Exception as error:  # noqa: BLE001  # as the state machine does
            return {"trial": trial["trial"], "error": type(error).__name__}
        return result

    try:
        state["dataset"] = step(prepare_dataset, REQUEST)
        state["trials"] = [tried(trial) for trial in state["dataset"]["search"]["trials"]]
        state["candidate"] = step(fit_candidate, {**RUN, "trials": state["trials"]})
        state["evaluation"] = step(evaluate_candidate, RUN)
        status = "registered" if state["evaluation"]["passed"] else "refused"
    except Exception as error:  # noqa: BLE001  # as the state machine does
        cause = {"errorType": type(error).__name__, "errorMessage": str(error)}
        state["error"], status = {"Error": type(error).__name__, "Cause": json.dumps(cause)}, "failed"
    aliases = plant.registry.aliases(MODEL)
    finish_run.lambda_handler({**RUN, "status": status, "state": state}, None)
    assert plant.registry.aliases(MODEL) == aliases
    assert (aliases.champion, plant.registry.versions(MODEL)) == (1, [1])
    return plant.registry.report(MODEL, RUN["run_id"])


def declare(deploy_models: Deploy, folder: Path, **changes: str) -> None:
    """The definition of the pumps with some of its texts replaced."""
    toml = (MODELS / f"{MODEL}.toml").read_text("utf-8")
    for old, new in changes.items():
        assert old in toml
        toml = toml.replace(old, new)
    (folder / f"{MODEL}.toml").write_text(toml, "utf-8")
    deploy_models(folder / f"{MODEL}.toml")


REGRESSION = {
    "binary-classification": "regression",
    'failed = { type = "boolean"': 'failed = { type = "number"',
    "minimum = { roc_auc = 0.6 }": "",
}
EMPTY = {"kind": "null::varchar", "pressure": "null::double", "starts": "null::integer", "outdoors": "null::boolean"}
LACKING = "0 accepted rows .* 1200 more are of another time or lack one of failed, reading, measured_at; upload"


@pytest.mark.parametrize(
    ("cells", "error", "told"),
    [
        ({"failed": "true"}, "UnusableTargetError", r"too few rows of False \(0 rows\)"),
        ({"failed": "null::boolean"}, "TooFewRowsError", LACKING),
        ({"measured_at": "null::timestamp"}, "TooFewRowsError", LACKING),
        ({"measured_at": "timestamp '2030-01-01'"}, "TooFewRowsError", LACKING),
        ({"reading": "'r'"}, "TooFewRowsError", "1 accepted rows .* 1199 more have the row id of a newer one"),
        ({"failed": "i % 600 = 0"}, "UnusableTargetError", r"too few rows of True \(1 rows\)"),
        ({"failed": "i > 500 and i % 2 = 0"}, "UnusableTargetError", "among the oldest training rows; 5 are needed"),
        ({"failed": "i >= 900 and i % 2 = 0"}, "UnusableTargetError", "among the oldest training rows; 5 are needed"),
        ({"failed": "i < 900 and i % 2 = 0"}, "UnusableTargetError", "the same in all 300 rows of the holdout"),
    ],
)
def test_rows_that_teach_nothing_end_the_run_with_the_reason(
    plant: Plant, tmp_path: Path, cells: dict[str, str], error: str, told: str
) -> None:
    plant.accept_batch(tmp_path, rows=ROWS, **cells)
    is_told(ended(plant), error, told)


@pytest.mark.parametrize(
    ("target", "told"),
    [
        ("1.5", "is 1.5 in every training row: nothing to learn"),
        ("if(i % 97 = 0, 1e300, i % 7)", r"expected values from -1e\+30 to 1e\+30, got 1e\+300 in 13 rows"),
        ("if(i % 97 = 0, 'inf'::double, i % 7)", "got inf in 13 rows"),
        ("if(i % 97 = 0, 'nan'::double, i % 7)", "got nan in 13 rows"),
        ("1e15 + i % 7", r"values of a size of 1e\+15 that differ by 2.* are all one to a model"),
        ("i % 7 * 1e-200", "that differ by .* are all one to a model"),
        ("if(i < 600, 1.0, i % 7)", "is 1 in each of training rows 360 to 540 of 900.*, so r2 says nothing there"),
    ],
)
def test_a_target_that_no_model_can_answer_is_named(
    plant: Plant, tmp_path: Path, deploy_models: Deploy, target: str, told: str
) -> None:
    declare(deploy_models, tmp_path, **REGRESSION)
    plant.accept_batch(tmp_path, rows=ROWS, failed=f"({target})::double")
    is_told(ended(plant), "UnusableTargetError", told)


def test_a_window_without_a_row_says_from_when(plant: Plant, tmp_path: Path, deploy_models: Deploy) -> None:
    declare(deploy_models, tmp_path, **{"trials = 2": 'trials = 2\nwindow = "3 days"'})
    plant.accept_batch(tmp_path, rows=ROWS, until=NOW - timedelta(days=30))
    is_told(ended(plant), "TooFewRowsError", "0 accepted rows from 2026-03-1.* until 2026-03-1")


def is_told(report: RunReport, error: str, told: str) -> None:
    assert report.status == "failed"
    assert report.error
    assert report.error["type"] == error
    assert issubclass(getattr(errors, error), errors.EverloopError)
    assert re.search(told, report.reason), report.reason


# Files that vanish


@pytest.mark.parametrize(
    ("losing", "told"),
    [
        ((STEPS[0], f"batches/{MODEL}/batch-1.parquet"), "IntegrityError: .*'batch-1': accepted rows are gone"),
        ((STEPS[1], f"work/{MODEL}/{RUN['run_id']}/dataset.npz"), "AllTrialsFailedError: .*trial 0: ObjectNotFound"),
        ((STEPS[2], f"work/{MODEL}/{RUN['run_id']}/features.onnx"), "ObjectNotFoundError: .*30 days: train again"),
        ((STEPS[3], f"work/{MODEL}/{RUN['run_id']}/fitted/model.onnx"), "ObjectNotFoundError: .*30 days: train again"),
    ],
    ids=lambda value: value[0] if isinstance(value, tuple) else None,
)
def test_a_file_that_vanished_is_named(
    plant: Plant, tmp_path: Path, deploy_models: Deploy, losing: tuple[str, str], told: str
) -> None:
    declare(deploy_models, tmp_path, **{"trials = 2": 'trials = 1\nalgorithms = ["logistic-regression"]'})
    plant.accept_batch(tmp_path, rows=ROWS)
    is_told(ended(plant, losing=losing), *told.split(": .*"))


def test_a_batch_whose_rows_were_exchanged_is_named(plant: Plant, tmp_path: Path) -> None:
    plant.accept_batch(tmp_path, rows=ROWS)
    boto3.client("s3").put_object(Bucket=plant.lake.bucket, Key=f"batches/{MODEL}/batch-1.parquet", Body=b"other")
    is_told(ended(plant), "IntegrityError", "batch 'batch-1': expected accepted rows with sha256")


# Rows that are odd, and yet teach


@pytest.mark.parametrize(
    ("cells", "notes"),
    [
        (
            {"kind": "null::varchar", "outdoors": "null::boolean"},
            ["'kind' is null in all 1200 rows", "'outdoors' is null in all 1200 rows"],
        ),
        ({"outdoors": "if(i < 700, null, i % 2 = 0)"}, []),
        (
            {"kind": "'k-' || i", "starts": "i"},
            ["'kind' differs in each of its 1200 rows, as an id does", "'starts' differs in each of its 1200 rows"],
        ),
        (
            {
                "pressure": "case i % 50 when 0 then 'inf'::double when 1 then 1e300 else hash(i) % 1000 end",
                "measured_at": "timestamp '2026-03-01'",
            },
            [],
        ),
    ],
)
def test_every_algorithm_learns_from_columns_that_are_empty_ids_or_wild_and_the_report_tells(
    plant: Plant, tmp_path: Path, cells: dict[str, str], notes: list[str]
) -> None:
    plant.accept_batch(tmp_path, rows=ROWS, **cells)
    report = ended(plant)
    assert report.status == "registered", report.reason
    assert [trial.trial for trial in report.trials if trial.value is None] == []
    assert len(report.notes) == len(notes)
    assert all(expected in note for expected, note in zip(notes, report.notes, strict=True))


def test_tens_of_thousands_of_levels_do_no_harm(plant: Plant, tmp_path: Path, deploy_models: Deploy) -> None:
    algorithms = '["hist-gradient-boosting", "logistic-regression"]'
    declare(deploy_models, tmp_path, **{"trials = 2": f"trials = 2\nalgorithms = {algorithms}"})
    plant.accept_batch(tmp_path, rows=25_000, kind="'k-' || (hash(i) % 20000)")
    report = ended(plant)
    assert report.status == "registered", report.reason
    assert report.metrics["roc_auc"] > 0.9


def test_a_target_that_was_constant_at_first_is_learned_by_every_algorithm(
    plant: Plant, tmp_path: Path, deploy_models: Deploy
) -> None:
    declare(deploy_models, tmp_path, **REGRESSION, **{"trials = 2": 'trials = 2\nmetric = "mae"'})
    plant.accept_batch(tmp_path, rows=ROWS, failed="if(i < 600, 1.0, i % 7 + hash(i) % 3)")
    report = ended(plant)
    assert report.status == "registered", report.reason
    assert [trial.algorithm for trial in report.trials if trial.value is None] == []


def test_one_column_is_enough(plant: Plant, tmp_path: Path, deploy_models: Deploy) -> None:
    toml = 'name = "pump-failure"\ntask = "binary-classification"\ndata = { target = "failed" }\n'
    (tmp_path / f"{MODEL}.toml").write_text(toml + 'columns = { pressure = "number", failed = "boolean" }\n')
    deploy_models(tmp_path / f"{MODEL}.toml")
    plant.accept_batch(tmp_path, rows=ROWS)
    report = ended(plant)
    assert report.status == "registered", report.reason
    assert [trial.algorithm for trial in report.trials if trial.value is None] == []


SAME = {"kind": "'axial'", "pressure": "1", "starts": "1", "outdoors": "true", "measured_at": "timestamp '2026-03-01'"}


@pytest.mark.parametrize(("cells", "notes"), [(EMPTY, 4), (SAME | {"failed": "i % 2 = 0"}, 0)])
def test_columns_that_say_nothing_are_refused_by_the_baseline(
    plant: Plant, tmp_path: Path, cells: dict[str, str], notes: int
) -> None:
    plant.accept_batch(tmp_path, rows=ROWS, **cells)
    report = ended(plant)
    assert report.status == "refused"
    assert re.search("baseline: roc_auc .* has 0.5000", report.reason)
    assert len(report.notes) == notes
