"""Nothing is lost between two functions."""

from typing import Any

from tests.infra.templates import Assembly, flat


def queue_named(assembly: Assembly, reference: Any) -> dict[str, Any]:
    """The queue that a reference or an export stands for."""
    text = flat(reference)
    [queue] = [queue for name, queue in assembly.resources("AWS::SQS::Queue") if f"{name.split('/')[1]}" in text]
    return queue


def test_every_trigger_reports_partial_failures_and_ends_in_dead_letters(assembly: Assembly) -> None:
    triggers = dict(assembly.resources("AWS::Lambda::EventSourceMapping"))
    assert len(triggers) == 4
    for name, trigger in triggers.items():
        assert trigger["FunctionResponseTypes"] == ["ReportBatchItemFailures"], name
        queue = queue_named(assembly, trigger["EventSourceArn"])
        assert queue["RedrivePolicy"]["maxReceiveCount"] >= 5, name
        dead_letters = queue_named(assembly, queue["RedrivePolicy"]["deadLetterTargetArn"])
        assert dead_letters["MessageRetentionPeriod"] == 14 * 24 * 3600, name


def test_messages_stay_hidden_for_six_times_as_long_as_their_consumer_may_run(assembly: Assembly) -> None:
    timeouts = {
        logical_id.split("/")[1]: function["Timeout"]
        for logical_id, function in assembly.resources("AWS::Lambda::Function")
    }
    for name, trigger in assembly.resources("AWS::Lambda::EventSourceMapping"):
        queue = queue_named(assembly, trigger["EventSourceArn"])
        assert queue["VisibilityTimeout"] >= 6 * timeouts[trigger["FunctionName"]["Ref"]], name


def test_every_queue_is_encrypted_and_refuses_plain_http(assembly: Assembly) -> None:
    queues = dict(assembly.resources("AWS::SQS::Queue"))
    for name, queue in queues.items():
        assert queue["SqsManagedSseEnabled"] is True, name
    refusing = {
        f"{name.split('/')[0]}/{queue['Ref']}"
        for name, policy in assembly.resources("AWS::SQS::QueuePolicy")
        for queue in policy["Queues"]
        if any(each["Effect"] == "Deny" for each in policy["PolicyDocument"]["Statement"])
    }
    assert refusing == set(queues)


def only_target(assembly: Assembly, *detail_types: str) -> dict[str, Any]:
    """Where the rule leads to that waits for exactly these events."""
    pattern = {"source": ["everloop"], "detail-type": list(detail_types)}
    [rule] = [rule for _, rule in assembly.resources("AWS::Events::Rule") if rule["EventPattern"] == pattern]
    [target] = rule["Targets"]
    assert target["RetryPolicy"]["MaximumRetryAttempts"] > 5
    assert queue_named(assembly, target["DeadLetterConfig"]["Arn"])["MessageRetentionPeriod"] == 14 * 24 * 3600
    return dict(target)


def test_a_training_request_is_delivered_to_the_workflow_or_kept(assembly: Assembly) -> None:
    target = only_target(assembly, "training.requested")
    assert target["InputPath"] == "$.detail.data"
    assert "RoleArn" in target


def test_what_changes_a_history_is_delivered_to_its_queue_or_kept(assembly: Assembly) -> None:
    target = only_target(assembly, "batch.accepted", "training.requested")
    assert target["InputPath"] == "$.detail", "the CloudEvent"
    [(name, trigger)] = [
        (name, trigger)
        for name, trigger in assembly.resources("AWS::Lambda::EventSourceMapping")
        if "MaterializeHistory" in name
    ]
    assert target["Arn"] == trigger["EventSourceArn"], name
    assert (trigger["BatchSize"], trigger["MaximumBatchingWindowInSeconds"]) == (10, 5)
