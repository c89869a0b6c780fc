"""Every model is checked, and trouble reaches a human."""

import json

import pytest

from everloop.contracts.definition import load_definitions
from infra.config import REPOSITORY
from tests.infra.templates import MODELS_DIR, Assembly


def test_every_model_is_checked_as_often_as_its_definition_says_and_experiments_every_five_minutes(
    assembly: Assembly,
) -> None:
    schedules = {}
    for _, schedule in assembly.resources("AWS::Scheduler::Schedule"):
        target = schedule["Target"]
        request = json.loads(target["Input"])
        schedules[request.get("model", "experiments")] = schedule["ScheduleExpression"]
        assert request["scheduled_time"] == "<aws.scheduler.scheduled-time>"
        assert target["RetryPolicy"]["MaximumRetryAttempts"] > 0
        assert target["DeadLetterConfig"]
    assert schedules.pop("experiments") == "rate(5 minutes)"
    assert schedules == {"parcel-delay": "rate(1 day)", "shop-demand": "rate(6 hours)"}
    assert set(schedules) == {each.name for each in load_definitions(REPOSITORY / MODELS_DIR)}


def test_alarms_may_reach_the_topic_they_send_to(assembly: Assembly) -> None:
    (policy,) = (resource for _, resource in assembly.resources("AWS::SNS::TopicPolicy"))
    (allowed,) = (each for each in policy["PolicyDocument"]["Statement"] if each["Effect"] == "Allow")
    assert allowed["Action"] == "sns:Publish"
    assert allowed["Principal"] == {"Service": "cloudwatch.amazonaws.com"}
    assert "aws:SourceAccount" in allowed["Condition"]["StringEquals"]


def test_definitions_travel_as_a_package(assembly: Assembly) -> None:
    packages = list(assembly.folder.glob("asset.*/python/everloop_models"))
    assert len(packages) == 1
    names = {path.name for path in packages[0].iterdir()}
    assert names == {"__init__.py", "parcel-delay.rules.onnx", "parcel-delay.toml", "shop-demand.toml"}


def test_every_function_and_every_dead_letter_queue_has_an_alarm(assembly: Assembly) -> None:
    alarms = dict(assembly.resources("AWS::CloudWatch::Alarm"))
    metrics = [alarm.get("MetricName") for alarm in alarms.values()]
    assert metrics.count("Errors") == len(assembly.functions())
    assert metrics.count("ApproximateNumberOfMessagesVisible") == 6
    ends = {"ExecutionsFailed", "ExecutionsTimedOut", "ExecutionsAborted"}
    assert ends | {"5XXError", "Duration"} <= set(metrics)
    for name, alarm in alarms.items():
        assert len(alarm["AlarmActions"]) == 1, name
        assert alarm["TreatMissingData"] == "notBreaching", name


def test_predictions_are_slow_when_they_miss_the_tightest_promise(assembly: Assembly) -> None:
    [slow] = [each for _, each in assembly.resources("AWS::CloudWatch::Alarm") if each["MetricName"] == "Duration"]
    assert slow["ExtendedStatistic"] == "p95"
    assert slow["Threshold"] == 80


def test_each_model_tells_when_its_experiment_went_wrong(assembly: Assembly) -> None:
    alarms = [each for _, each in assembly.resources("AWS::CloudWatch::Alarm")]
    aborted = [each for each in alarms if each["MetricName"] == "ExperimentAborted"]
    dimensions = [{each["Name"]: each["Value"] for each in alarm["Dimensions"]} for alarm in aborted]
    assert {each["model"] for each in dimensions} == {"parcel-delay", "shop-demand"}
    assert {each["service"] for each in dimensions} == {"judge_traffic"}


@pytest.mark.parametrize("metric", ["ModelFailures", "StorageFailures"])
def test_each_model_tells_when_its_answers_lacked_something(assembly: Assembly, metric: str) -> None:
    alarms = [each for _, each in assembly.resources("AWS::CloudWatch::Alarm") if each["MetricName"] == metric]
    dimensions = [{each["Name"]: each["Value"] for each in alarm["Dimensions"]} for alarm in alarms]
    assert {each["model"] for each in dimensions} == {"parcel-delay", "shop-demand"}
    assert {each["service"] for each in dimensions} == {"predict"}
    for alarm in alarms:
        assert (alarm["Threshold"], alarm["Statistic"]) == (0, "Sum")
        assert "Predict's log" in alarm["AlarmDescription"]


def test_alarm_messages_are_encrypted_with_a_key_cloudwatch_may_use(assembly: Assembly) -> None:
    [(_, topic)] = assembly.resources("AWS::SNS::Topic")
    [(_, key)] = assembly.resources("AWS::KMS::Key")
    assert topic["KmsMasterKeyId"]
    assert key["EnableKeyRotation"] is True
    allowed = [each["Principal"] for each in key["KeyPolicy"]["Statement"]]
    assert {"Service": "cloudwatch.amazonaws.com"} in allowed
