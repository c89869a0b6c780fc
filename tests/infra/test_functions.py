"""Each function gets what its code needs, and may do nothing else."""

from typing import Any

import pytest

from everloop import settings
from tests.infra.templates import Assembly, as_list, flat

STAGES = {
    "ingestion": {"ingest_upload", "record_events"},
    "validation": {"validate_batch"},
    "materialization": {"materialize_history"},
    "training": {
        "begin_run",
        "prepare_dataset",
        "run_trial",
        "select_trials",
        "fit_candidate",
        "import_candidate",
        "evaluate_candidate",
        "finish_run",
    },
    "registry": {"register_version", "set_alias", "read_models", "operate_models"},
    "inference": {"predict", "record_outcome", "describe_api"},
    "monitoring": {"log_predictions", "check_model", "judge_traffic", "explain_prediction", "replay_version"},
}
MODULES = sorted(set().union(*STAGES.values()))

ALIAS_WRITERS = {"set_alias", "operate_models", "judge_traffic"}

UNBOUND = {
    "xray:PutTraceSegments",
    "xray:PutTelemetryRecords",
    "xray:GetSamplingRules",
    "xray:GetSamplingTargets",
    "logs:CreateLogDelivery",
    "logs:GetLogDelivery",
    "logs:UpdateLogDelivery",
    "logs:DeleteLogDelivery",
    "logs:ListLogDeliveries",
    "logs:PutResourcePolicy",
    "logs:DescribeResourcePolicies",
    "logs:DescribeLogGroups",
}
"""Actions for which IAM knows no resources."""


def test_every_function_is_deployed_once(assembly: Assembly) -> None:
    assert sorted(assembly.functions()) == MODULES


@pytest.mark.parametrize("module", MODULES)
def test_the_environment_satisfies_the_settings_of_the_function(assembly: Assembly, module: str) -> None:
    expected: type[settings.Settings] = getattr(settings, module.title().replace("_", "") + "Settings")
    variables: dict[str, Any] = assembly.functions()[module]["Environment"]["Variables"]
    environment = {name: flat(value) for name, value in variables.items()}
    found = expected.from_env(environment)
    assert found.to_env() == {name: value for name, value in environment.items() if name.startswith(settings.PREFIX)}
    assert environment["POWERTOOLS_METRICS_NAMESPACE"] == "Everloop"
    assert environment["POWERTOOLS_SERVICE_NAME"] == module


@pytest.mark.parametrize("module", MODULES)
def test_functions_are_traced_and_run_on_three_layers(assembly: Assembly, module: str) -> None:
    function = assembly.functions()[module]
    assert function["TracingConfig"] == {"Mode": "Active"}
    assert function["Runtime"] == "python3.13"
    assert function["Architectures"] == ["arm64"]
    assert len(function["Layers"]) == 3


@pytest.mark.parametrize("module", MODULES)
def test_only_registry_functions_may_write_aliases(assembly: Assembly, module: str) -> None:
    assert assembly.may_write(module, "Models", "any-model/aliases.json") is (module in ALIAS_WRITERS)


@pytest.mark.parametrize("module", MODULES)
def test_who_answers_may_note_what_fails_and_nothing_else(assembly: Assembly, module: str) -> None:
    note = "any-model/breaker.json"
    assert assembly.may_write(module, "Models", note) is (module == "predict")
    if module == "predict":
        assert assembly.may_read(module, "Models", note)
        for key in ("aliases.json", "any-model/training.json", "any-model/versions/1/breaker.json.onnx"):
            assert not assembly.may_write(module, "Models", key)


@pytest.mark.parametrize("module", MODULES)
def test_versions_are_written_by_their_registration_alone(assembly: Assembly, module: str) -> None:
    assert assembly.may_write(module, "Models", "any-model/versions/1/model.onnx") is (module == "register_version")


@pytest.mark.parametrize("module", MODULES)
def test_uploads_are_never_changed(assembly: Assembly, module: str) -> None:
    assert not assembly.may_write(module, "Landing", "uploads/any-model/file.csv")


@pytest.mark.parametrize("module", MODULES)
def test_events_are_added_to_the_uploads_by_one_function_under_names_of_their_own(
    assembly: Assembly, module: str
) -> None:
    may = assembly.may_write(module, "Landing", "uploads/any-model/events-0195510a.jsonl")
    assert may is (module == "record_events")


def test_what_is_imported_is_read_by_one_function_for_each_kind_of_file(assembly: Assembly) -> None:
    readers = {
        kind: {module for module in MODULES if assembly.may_read(module, "Landing", f"imports/any-model/1f.{kind}")}
        for kind in ("onnx", "reference")
    }
    assert readers == {"onnx": {"import_candidate"}, "reference": {"prepare_dataset"}}


@pytest.mark.parametrize("module", MODULES)
def test_the_prediction_log_is_written_by_one_function(assembly: Assembly, module: str) -> None:
    for key in ("predictions/any/dt=2026-03-14/1f.parquet", "lookup/2026-03-14T09/any/a_b_2026-03-14_1f"):
        assert assembly.may_write(module, "Lake", key) is (module == "log_predictions")
    apart = "unknown-outcomes/any/2026-03-14T09-00-00Z.parquet"
    assert assembly.may_write(module, "Lake", apart) is (module == "check_model")


def test_who_writes_the_log_reads_versions_and_nothing_else_of_the_models(assembly: Assembly) -> None:
    assert assembly.may_read("log_predictions", "Models", "any/versions/1/model.onnx")
    for key in ("any/aliases.json", "any/training.json", "any/reports/run-1.json"):
        assert not assembly.may_read("log_predictions", "Models", key)


def test_who_looks_back_at_answers_changes_nothing_but_leaves_a_report(assembly: Assembly) -> None:
    kept = "replays/any/2-2026-03-14T10-00-00Z.json"
    assert {module for module in MODULES if assembly.may_write(module, "Lake", kept)} == {"replay_version"}
    for module in ("explain_prediction", "replay_version"):
        for key in ("predictions/any/dt=2026-03-14/1f.parquet", "reports/any/1f.json", "datasets/any/1f.json"):
            assert not assembly.may_write(module, "Lake", key)
        for key in ("any/aliases.json", "any/training.json", "any/reports/run-1.json"):
            assert not assembly.may_read(module, "Models", key)
            assert not assembly.may_write(module, "Models", key)
        assert assembly.may_read(module, "Models", "any/versions/1/model.onnx")
    assert not assembly.may_read("replay_version", "Lake", "reports/any/1f.json")


@pytest.mark.parametrize("module", MODULES)
def test_histories_are_written_by_one_function_and_read_by_another(assembly: Assembly, module: str) -> None:
    expected = {
        "materialize_history": {"dynamodb:BatchGetItem", "dynamodb:PutItem"},
        "predict": {"dynamodb:BatchGetItem"},
    }
    allowed = {
        action
        for statement in assembly.statements(module)
        for action in as_list(statement["Action"])
        if action.startswith("dynamodb:")
    }
    assert allowed == expected.get(module, set())


def test_who_describes_the_api_may_read_nothing(assembly: Assembly) -> None:
    allowed = {action for each in assembly.statements("describe_api") for action in as_list(each["Action"])}
    assert {action.partition(":")[0] for action in allowed} == {"logs", "xray"}


def test_no_role_may_delete_or_reconfigure(assembly: Assembly) -> None:
    for name, policy in assembly.resources("AWS::IAM::Policy"):
        for statement in policy["PolicyDocument"]["Statement"]:
            for action in as_list(statement["Action"]):
                assert "*" not in action, f"{name}: {action}"
                assert not action.startswith(("s3:Delete", "dynamodb:Delete", "iam:", "lambda:Update")), (
                    f"{name}: {action}"
                )


def test_a_bare_wildcard_stands_only_where_iam_knows_no_resources(assembly: Assembly) -> None:
    for name, policy in assembly.resources("AWS::IAM::Policy"):
        if "ApiLoggingRole" in name:
            continue  # API Gateway insists on every log group
        for statement in policy["PolicyDocument"]["Statement"]:
            if "*" in as_list(statement["Resource"]):
                assert set(as_list(statement["Action"])) <= UNBOUND, name


def test_no_role_carries_a_managed_policy(assembly: Assembly) -> None:
    assert not [name for name, role in assembly.resources("AWS::IAM::Role") if role.get("ManagedPolicyArns")]


def test_every_log_group_forgets(assembly: Assembly) -> None:
    groups = dict(assembly.resources("AWS::Logs::LogGroup"))
    assert len(groups) == len(MODULES) + 2  # the workflow and the API's access log
    for name, group in groups.items():
        assert group["RetentionInDays"] == 90, name


def test_predictions_are_answered_by_a_published_version(assembly: Assembly) -> None:
    [(_, alias)] = assembly.resources("AWS::Lambda::Alias")
    assert alias["Name"] == "live"
    assert "Fn::GetAtt" in alias["FunctionVersion"]


def test_predict_alone_starts_from_a_snapshot(assembly: Assembly) -> None:
    snapped = {name: each["SnapStart"] for name, each in assembly.functions().items() if "SnapStart" in each}
    assert snapped == {"predict": {"ApplyOn": "PublishedVersions"}}
    assert assembly.functions()["predict"]["EphemeralStorage"] == {"Size": 512}, "SnapStart takes no more"
