"""A training run always ends, and its end is always reported."""

import json
import re
from typing import Any

import pytest

from tests.infra.templates import Assembly, as_list, flat

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


def test_a_run_begins_with_its_claim_and_hands_on_its_input_unchanged(states: dict[str, State]) -> None:
    begin = states["BeginRun"]
    assert begin["Parameters"]["execution.$"] == "$$.Execution.Id"
    assert (begin["ResultPath"], begin["Next"]) == (None, "PrepareDataset")


def test_only_the_beginning_of_a_run_may_ask_for_executions_and_for_those_of_this_workflow(
    assembly: Assembly,
) -> None:
    asking = {
        module: [flat(resource) for resource in as_list(statement["Resource"])]
        for module in assembly.functions()
        for statement in assembly.statements(module)
        if "states:DescribeExecution" in as_list(statement["Action"])
    }
    [(module, [resource])] = asking.items()
    assert module == "begin_run"
    assert re.fullmatch(r"arn:<AWS::Partition>:states:.*:execution:<TrainingWorkflow\w+>:\*", resource)


def test_trials_go_on_from_rung_to_rung_until_the_last(states: dict[str, State]) -> None:
    assert states["Trials"]["ItemsPath"] == "$.dataset.search.trials"
    assert states["Trials"]["Next"] == "LastRung?"
    [last] = states["LastRung?"]["Choices"]
    assert last == {"Variable": "$.dataset.search.is_last", "BooleanEquals": True, "Next": "FitCandidate"}
    assert states["LastRung?"]["Default"] == "SelectTrials"
    select = states["SelectTrials"]
    assert (select["ResultPath"], select["Next"]) == ("$.dataset.search", "Trials")


def test_every_task_retries_what_is_transient_and_catches_the_rest(states: dict[str, State]) -> None:
    tasks = {name: state for name, state in states.items() if state["Type"] == "Task"}
    assert len(tasks) == 15
    for name, task in tasks.items():
        [retry] = task["Retry"]
        assert {"Lambda.TooManyRequestsException", "PreconditionFailedError"} <= set(retry["ErrorEquals"]), name
        assert "States.ALL" not in retry["ErrorEquals"], name
        assert retry["JitterStrategy"] == "FULL", name
        assert [catch["ErrorEquals"] for catch in task["Catch"]] == [["States.ALL"]], name
        assert task["TimeoutSeconds"] <= 930, name


def test_a_failing_trial_is_a_result_of_the_search(states: dict[str, State]) -> None:
    assert states["RunTrial"]["Catch"][0]["Next"] == "TrialFailed"
    lost = {"InputPath": "$.error.Error", "ResultPath": "$.trial.error", "OutputPath": "$.trial"}
    assert states["TrialFailed"].items() >= lost.items(), "the trial as it was planned, and its error"
    assert states["Trials"]["MaxConcurrency"] == 4


def test_a_failing_step_is_reported_under_its_own_name(states: dict[str, State]) -> None:
    steps = {name for name, state in states.items() if state.get("Catch", [{}])[0].get("Next") == "FinishFailed"}
    searching = {"PrepareDataset", "Trials", "SelectTrials", "FitCandidate", "ImportCandidate"}
    assert steps == {"BeginRun", *searching, "EvaluateCandidate", "RegisterVersion", "SetAlias"}
    assert states["FinishFailed"]["Next"] == "Failed"
    assert states["FinishFailed"]["Catch"][0]["ResultPath"] != "$.error"  # the first error is the one that counts
    assert states["Failed"] == {"Type": "Fail", "ErrorPath": "$.error.Error", "CausePath": "$.error.Cause"}


@pytest.mark.parametrize("status", ["failed", "refused", "registered", "promoted", "challenging", "compared"])
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


def test_an_imported_model_is_judged_without_a_search(states: dict[str, State]) -> None:
    assert states["PrepareDataset"]["Next"] == "Import?"
    [asked] = states["Import?"]["Choices"]
    assert {condition["Variable"] for condition in asked["And"]} == {"$.imported"}
    assert (asked["Next"], states["Import?"]["Default"]) == ("ImportCandidate", "Trials")
    imported = states["ImportCandidate"]
    assert (imported["ResultPath"], imported["Next"]) == ("$.candidate", "EvaluateCandidate")


def test_only_a_candidate_that_passed_is_registered_and_only_a_person_s_waits_for_one(
    states: dict[str, State],
) -> None:
    [passed] = states["GatesPassed?"]["Choices"]
    assert passed == {"Variable": "$.evaluation.passed", "BooleanEquals": True, "Next": "RegisterVersion"}
    assert states["GatesPassed?"]["Default"] == "FinishRefused"
    [manual] = states["ByHand?"]["Choices"]
    assert manual == {"Variable": "$.evaluation.promotion", "StringEquals": "manual", "Next": "FinishRegistered"}
    assert states["ByHand?"]["Default"] == "SetAlias"


def test_a_version_is_introduced_as_its_definition_says_and_the_run_ends_as_it_went(states: dict[str, State]) -> None:
    assert states["SetAlias"]["Parameters"]["mode.$"] == "$.evaluation.promotion"
    promoted, challenging = states["PromotedOrOnTrial?"]["Choices"]
    assert (promoted["Variable"], promoted["Next"]) == ("$.promotion.promoted", "FinishPromoted")
    assert (challenging["Variable"], challenging["Next"]) == ("$.promotion.challenging", "FinishChallenging")
    assert states["PromotedOrOnTrial?"]["Default"] == "FinishRegistered"
