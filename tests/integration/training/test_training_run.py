"""A whole training run, step by step, as the state machine calls it."""

import json
from pathlib import Path
from typing import Any

import boto3
import pytest

from everloop.contracts.registry import RunReport
from everloop.errors import IntegrityError, NotReproducibleError, TooFewRowsError, TrainingInProgressError
from everloop.inference.rows import to_columns
from everloop.scorer import Scorer
from everloop.stores.work import WorkStore
from everloop.training import halving
from functions.registry import operate_models, read_models, register_version, set_alias
from functions.training import (
    begin_run,
    evaluate_candidate,
    finish_run,
    fit_candidate,
    prepare_dataset,
    run_trial,
    select_trials,
)
from tests.plant import MODEL, Plant
from tests.samples import event, pump_failure, pump_row

REQUEST = event("training/prepare_dataset.json")
RUN = {"model": REQUEST["model"], "run_id": REQUEST["run_id"]}
ROWS = 1_200


def call(handler: Any, request: dict[str, Any]) -> dict[str, Any]:
    """As Lambda does: what a handler returns travels as JSON, which has no NaN, in at most 256 KiB."""
    travelled = json.dumps(handler.lambda_handler(json.loads(json.dumps(request)), None), allow_nan=False)
    assert len(travelled) < 262_144
    answer: dict[str, Any] = json.loads(travelled)
    return answer


@pytest.fixture
def prepared(plant: Plant, tmp_path: Path) -> Plant:
    plant.accept_batch(tmp_path, rows=ROWS)
    call(prepare_dataset, REQUEST)
    return plant


def trained(plant: Plant) -> dict[str, Any]:
    """The state after `evaluate_candidate`."""
    state = {**REQUEST, "dataset": call(prepare_dataset, REQUEST)}
    state["trials"] = [call(run_trial, {**RUN, "trial": trial}) for trial in state["dataset"]["search"]["trials"]]
    state["candidate"] = call(fit_candidate, {**RUN, "trials": state["trials"]})
    state["evaluation"] = call(evaluate_candidate, event("training/evaluate_candidate.json"))
    return state


def test_a_run_ends_with_a_champion_that_answers(prepared: Plant) -> None:
    state = trained(prepared)
    assert state["dataset"]["rows"] == ROWS
    assert state["evaluation"]["passed"], state["evaluation"]["gates"]
    assert state["evaluation"]["promotion"] == "automatic"
    state["registration"] = call(register_version, RUN)
    state["promotion"] = call(
        set_alias,
        {**RUN, **state["registration"], "against": state["evaluation"]["against"], "reason": state["reason"]},
    )
    assert call(finish_run, {**RUN, "status": "promoted", "state": state}) == {"status": "promoted", "version": 1}
    assert prepared.registry.aliases(MODEL).champion == 1
    assert prepared.registry.report(MODEL, RUN["run_id"]).metrics == state["evaluation"]["metrics"]
    types = [told["type"] for told in prepared.events()]
    assert types == ["model.version_created", "model.alias_changed", "training.finished"]

    columns = to_columns([pump_row(pressure=10.0), pump_row(pressure=990.0)], pump_failure())
    low, high = Scorer(prepared.registry.read(MODEL, 1, "model.onnx")).score(columns)
    assert low < 0.2
    assert high > 0.8


def test_every_step_may_be_repeated_and_answers_the_same(prepared: Plant) -> None:
    assert trained(prepared) == trained(prepared)
    first = call(register_version, RUN)
    assert call(register_version, RUN) == first == {"version": 1}


def test_a_repeated_evaluation_leaves_files_of_one_piece(prepared: Plant) -> None:
    """The latency differs each time; the card must still show the gates that metrics.json holds."""
    trained(prepared)
    call(evaluate_candidate, RUN)
    files = WorkStore(prepared.lake, MODEL, RUN["run_id"]).candidate_files()
    for gate in json.loads(files["metrics.json"])["gates"]:
        assert gate["detail"] in files["card.md"].decode()


def test_a_run_that_died_between_the_files_of_a_candidate_is_completed(prepared: Plant) -> None:
    state = trained(prepared)
    key = f"work/{MODEL}/{RUN['run_id']}/candidate/card.md"
    boto3.client("s3").delete_object(Bucket=prepared.lake.bucket, Key=key)
    assert call(evaluate_candidate, RUN) == state["evaluation"]
    metrics = json.loads(WorkStore(prepared.lake, MODEL, RUN["run_id"]).read("candidate/metrics.json"))
    assert metrics["gates"][-1]["detail"] in prepared.lake.get(key).body.decode()


def test_the_sample_trial_is_run_once(prepared: Plant) -> None:
    first = call(run_trial, event("training/run_trial.json"))
    assert first["algorithm"] == "logistic-regression"
    assert call(run_trial, event("training/run_trial.json")) == first, "even its seconds"


def test_the_trials_of_the_sample_rung_are_selected_once(plant: Plant) -> None:
    request = event("training/select_trials.json")
    first = call(select_trials, request)
    assert [trial["trial"] for trial in first["trials"]] == [0, 2, 5]
    assert {(trial["rung"], trial["rows"]) for trial in first["trials"]} == {(1, 32_000)}
    assert [trial.get("error") for trial in first["dropped"]] == [None, None, None, "Sandbox.Timedout", None, None]
    for trial in request["trials"]:
        trial["value"] = 0.5
    assert call(select_trials, request) == first, "a repeated step sees lost trials that came back, and minds them not"


def test_a_run_that_is_repeated_runs_no_trial_again_in_any_rung(
    plant: Plant, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(halving, "FEWEST_ROWS", 100)
    monkeypatch.setattr(halving, "FEWEST_TRIALS", 2)
    monkeypatch.setattr(halving, "FEWEST_CLASS_ROWS", 1)
    plant.accept_batch(tmp_path, rows=ROWS)
    first, second = searched(), searched()
    assert first == second, "even their seconds"
    search = first["dataset"]["search"]
    assert (search["is_last"], search["rung"]) == (True, len(search["rungs"]) - 1)
    assert len(search["rungs"]) > 1
    assert search["dropped"]
    call(finish_run, {**RUN, "status": "failed", "state": first})
    report = plant.registry.report(MODEL, RUN["run_id"])
    assert list(report.rungs) == search["rungs"]
    assert {trial.trial for trial in report.trials if trial.rung == 0} == {
        trial["trial"] for trial in search["dropped"]
    }
    assert [trial.trial for trial in report.trials] == list(range(len(report.trials)))


def searched() -> dict[str, Any]:
    """The state after the last rung, as the state machine comes to it."""
    state = {**REQUEST, "dataset": call(prepare_dataset, REQUEST)}
    while True:
        search = state["dataset"]["search"]
        state["trials"] = [call(run_trial, {**RUN, "trial": trial}) for trial in search["trials"]]
        if search["is_last"]:
            return state
        state["dataset"]["search"] = call(select_trials, {**RUN, "search": search, "trials": state["trials"]})


def test_a_second_run_does_not_begin_while_another_goes_on(plant: Plant) -> None:
    first = {**event("training/begin_run.json"), "execution": begun_execution()}
    assert call(begin_run, first)["run_id"] == RUN["run_id"]
    assert call(begin_run, first)["run_id"] == RUN["run_id"], "delivered twice"
    second = {**first, "run_id": "run-2", "execution": begun_execution()}
    with pytest.raises(TrainingInProgressError, match=f"run {RUN['run_id']} is under way since"):
        begin_run.lambda_handler(second, None)
    boto3.client("stepfunctions").stop_execution(executionArn=first["execution"])
    assert call(begin_run, second)["run_id"] == "run-2", "one that was stopped blocks nobody"


def begun_execution() -> str:
    client = boto3.client("stepfunctions")
    wait = {"StartAt": "Wait", "States": {"Wait": {"Type": "Wait", "Seconds": 600, "End": True}}}
    role = "arn:aws:iam::123456789012:role/training"
    machine = client.create_state_machine(name="training", definition=json.dumps(wait), roleArn=role)
    return client.start_execution(stateMachineArn=machine["stateMachineArn"])["executionArn"]


def test_the_sample_of_a_search_with_a_lost_trial_is_fitted(prepared: Plant) -> None:
    answer = call(fit_candidate, event("training/fit_candidate.json"))
    assert answer["algorithm"] == "logistic-regression"
    assert answer["parity_difference"] < 1e-4


def test_a_second_run_on_the_same_rows_does_not_beat_its_own_champion(prepared: Plant) -> None:
    trained(prepared)
    call(register_version, RUN)
    call(set_alias, {**RUN, "version": 1, "against": None, "reason": "first"})
    again = {**REQUEST, "run_id": "run-2"}
    run = {"model": MODEL, "run_id": "run-2"}
    call(prepare_dataset, again)
    call(fit_candidate, {**run, "trials": event("training/fit_candidate.json")["trials"]})
    evaluation = call(evaluate_candidate, run)
    assert [gate["name"] for gate in evaluation["gates"] if not gate["passed"]] == ["champion"]


def test_a_dataset_can_be_listed_looked_into_and_compared(prepared: Plant) -> None:
    version = call(prepare_dataset, {**REQUEST, "run_id": "run-2", "as_of": "2027-01-01T00:00:00Z"})["dataset_version"]
    first, second = (WorkStore(prepared.lake, MODEL, run).read("dataset.npz") for run in (RUN["run_id"], "run-2"))
    assert first == second, "the same data is the same dataset, to the byte"
    path = {"model": MODEL, "version": version, "other": version}
    [listed] = read("read_datasets")["datasets"]
    assert (listed["version"], listed["rows"], listed["batches"]) == (version, ROWS, 1)
    shown = read("read_dataset", pathParameters=path)
    assert shown["columns"].keys() == {"measured_at", "kind", "pressure", "starts", "outdoors", "failed"}
    assert not any(column["drift"] and column["drift"]["drifted"] for column in read_diff(path)["columns"])
    query = {"as_of": REQUEST["as_of"]}
    plan = read("read_planned_dataset", queryStringParameters=query)
    assert (plan["version"], plan["exists"]) == (version, True)


def test_a_version_is_made_again_to_the_byte_whatever_was_delivered_since(prepared: Plant, tmp_path: Path) -> None:
    trained(prepared)
    call(register_version, RUN)
    prepared.accept_batch(tmp_path, rows=300, name="batch-2")
    request = {**reproduction_of_version_1(), "run_id": "run-2"}
    dataset = call(prepare_dataset, request)
    assert dataset["rows"] == ROWS
    run = {"model": MODEL, "run_id": "run-2"}
    trials = [call(run_trial, {**run, "trial": trial}) for trial in dataset["search"]["trials"]]
    candidate = call(fit_candidate, {**run, "trials": trials})
    state = {**request, "dataset": dataset, "trials": trials, "candidate": candidate}
    answer = call(finish_run, {**run, "status": "compared", "started_at": "2026-03-14T09:27:01Z", "state": state})
    report = prepared.registry.report(MODEL, "run-2")
    assert answer == {"status": "reproduced", "version": None}, report.reason
    assert (report.reproduces, prepared.registry.versions(MODEL)) == (1, [1])


def test_a_dataset_whose_batch_is_gone_is_not_made_from_what_is_left(prepared: Plant) -> None:
    trained(prepared)
    call(register_version, RUN)
    boto3.client("s3").delete_object(Bucket=prepared.lake.bucket, Key=f"reports/{MODEL}/batch-1.json")
    with pytest.raises(NotReproducibleError, match="a batch is gone or was judged again"):
        prepare_dataset.lambda_handler({**reproduction_of_version_1(), "run_id": "run-2"}, None)


def reproduction_of_version_1() -> dict[str, Any]:
    response = operate_models.lambda_handler(event("registry/request_reproduction.json"), None)
    assert response["statusCode"] == 202, response["body"]
    request: dict[str, Any] = json.loads(response["body"])
    return request


def test_a_batch_whose_rows_were_exchanged_ends_the_run(plant: Plant, tmp_path: Path) -> None:
    plant.accept_batch(tmp_path, rows=ROWS)
    boto3.client("s3").put_object(Bucket=plant.lake.bucket, Key=f"batches/{MODEL}/batch-1.parquet", Body=b"other rows")
    with pytest.raises(IntegrityError, match="batch 'batch-1': expected accepted rows with sha256"):
        prepare_dataset.lambda_handler(REQUEST, None)


def read(sample: str, **changes: Any) -> Any:
    response = read_models.lambda_handler(event(f"registry/{sample}.json") | changes, None)
    assert response["statusCode"] == 200, response["body"]
    return json.loads(response["body"])


def read_diff(path: dict[str, str]) -> Any:
    return read("read_dataset_diff", pathParameters=path)


def test_too_few_rows_end_the_run_with_a_name_the_workflow_reports(plant: Plant, tmp_path: Path) -> None:
    plant.accept_batch(tmp_path, rows=150)
    with pytest.raises(TooFewRowsError, match=r"pump-failure: 150 accepted rows .*minimum_rows is 200"):
        prepare_dataset.lambda_handler(REQUEST, None)


@pytest.mark.parametrize(
    ("sample", "answer"),
    [
        ("finish_run_promoted", {"status": "promoted", "version": 3}),
        ("finish_run_refused", {"status": "refused", "version": None}),
        ("finish_run_failed", {"status": "failed", "version": None}),
    ],
)
def test_however_a_run_ends_there_is_a_report_and_an_event(plant: Plant, sample: str, answer: dict[str, Any]) -> None:
    request = event(f"training/{sample}.json")
    assert call(finish_run, request) == answer
    (told,) = plant.events()
    assert told["type"] == "training.finished"
    assert RunReport.model_validate(told["data"]) == plant.registry.report(MODEL, request["run_id"])
