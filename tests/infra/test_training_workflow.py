"""A training run always ends, and its end is always reported."""

import json
from typing import Any

import pytest

from tests.infra.templates import Assembly, flat

State = dict[str, Any]


@pytest.fixture(scope="session")
def states(assembly: Assembly) -> dict[str, State]:
    [(_, machine)] = assembly.resources("AWS::StepFunctions::StateMachine")
    definition: dict[str, Any] = json.loads(flat(machine["DefinitionString"]))
    found: dict[str, State] = definition["States"]
    return {**found, **found["Trials"]["ItemProcessor"]["States"]}


def test_the_workflow_is_standard_logged_and_traced(assembly: Assembly) -> None:
    [(_, machine)] = assembly.resources("AWS::StepFunctions::StateMachine")
    assert machine["StateMachineType"] == "STANDARD"
    assert machine["LoggingConfiguration"]["Level"] == "ALL"
    assert machine["TracingConfiguration"] == {"Enabled": True}


def test_every_task_retries_what_is_transient_and_catches_the_rest(states: dict[str, State]) -> None:
    tasks = {name: state for name, state in states.items() if state["Type"] == "Task"}
    assert len(tasks) == 11
    for name, task in tasks.items():
        [retry] = task["Retry"]
        assert {"Lambda.TooManyRequestsException", "PreconditionFailedError"} <= set(retry["ErrorEquals"]), name
        assert "States.ALL" not in retry["ErrorEquals"], name
        assert retry["JitterStrategy"] == "FULL", name
        assert [catch["ErrorEquals"] for catch in task["Catch"]] == [["States.ALL"]], name
        assert task["TimeoutSeconds"] <= 930, name


def test_a_failing_trial_is_a_result_of_the_search(states: dict[str, State]) -> None:
    assert states["RunTrial"]["Catch"][0]["Next"] == "TrialFailed"
    assert states["TrialFailed"]["Parameters"] == {"trial.$": "$.trial.trial", "error.$": "$.error.Error"}
    assert states["Trials"]["MaxConcurrency"] == 4


def test_a_failing_step_is_reported_under_its_own_name(states: dict[str, State]) -> None:
    steps = {name for name, state in states.items() if state.get("Catch", [{}])[0].get("Next") == "FinishFailed"}
    assert steps == {"PrepareDataset", "Trials", "FitCandidate", "EvaluateCandidate", "RegisterVersion", "SetAlias"}
    assert states["FinishFailed"]["Next"] == "Failed"
    assert states["FinishFailed"]["Catch"][0]["ResultPath"] != "$.error"  # the first error is the one that counts
    assert states["Failed"] == {"Type": "Fail", "ErrorPath": "$.error.Error", "CausePath": "$.error.Cause"}


@pytest.mark.parametrize("status", ["failed", "refused", "registered", "promoted", "compared"])
def test_every_end_is_reported_with_the_whole_state(states: dict[str, State], status: str) -> None:
    assert states[f"Finish{status.title()}"]["Parameters"] == {
        "model.$": "$.model",
        "run_id.$": "$.run_id",
        "status": status,
        "started_at.$": "$$.Execution.StartTime",
        "state.$": "$",
    }


def test_a_reproduction_is_compared_and_goes_no_further(states: dict[str, State]) -> None:
    assert states["FitCandidate"]["Next"] == "Reproduction?"
    [asked] = states["Reproduction?"]["Choices"]
    assert asked["Next"] == "FinishCompared"
    assert {condition["Variable"] for condition in asked["And"]} == {"$.reproduction"}
    assert states["FinishCompared"]["Next"] == "Done"
    assert states["Reproduction?"]["Default"] == "EvaluateCandidate"


def test_only_a_candidate_that_passed_is_registered_and_only_automatic_ones_are_promoted(
    states: dict[str, State],
) -> None:
    [passed] = states["GatesPassed?"]["Choices"]
    assert passed == {"Variable": "$.evaluation.passed", "BooleanEquals": True, "Next": "RegisterVersion"}
    assert states["GatesPassed?"]["Default"] == "FinishRefused"
    [automatic] = states["PromoteNow?"]["Choices"]
    assert automatic == {"Variable": "$.evaluation.promotion", "StringEquals": "automatic", "Next": "SetAlias"}
    assert states["PromoteNow?"]["Default"] == "FinishRegistered"
