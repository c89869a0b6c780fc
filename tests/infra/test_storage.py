"""Data is private, encrypted, and survives mistakes."""

import pytest

from tests.infra.templates import Assembly


def test_every_bucket_is_private_and_encrypted(assembly: Assembly) -> None:
    buckets = dict(assembly.resources("AWS::S3::Bucket"))
    assert len(buckets) == 4
    for name, bucket in buckets.items():
        assert set(bucket["PublicAccessBlockConfiguration"].values()) == {True}, name
        assert bucket["BucketEncryption"], name
        assert bucket["OwnershipControls"]["Rules"] == [{"ObjectOwnership": "BucketOwnerEnforced"}], name


def test_every_bucket_refuses_plain_http(assembly: Assembly) -> None:
    refused = {
        policy["Bucket"]["Ref"]
        for _, policy in assembly.resources("AWS::S3::BucketPolicy")
        for statement in policy["PolicyDocument"]["Statement"]
        if statement["Effect"] == "Deny" and statement["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
    }
    assert refused == {name.split("/")[1] for name, _ in assembly.resources("AWS::S3::Bucket")}


def test_data_is_versioned_and_outlives_its_stack(assembly: Assembly) -> None:
    resources = assembly.templates["EverloopStorage"]["Resources"]
    buckets = [each for each in resources.values() if each["Type"] == "AWS::S3::Bucket"]
    assert {each["DeletionPolicy"] for each in buckets} == {"Retain"}
    versioned = [each for each in buckets if each["Properties"].get("VersioningConfiguration") == {"Status": "Enabled"}]
    assert len(versioned) == 3  # landing, lake and models; not the access logs


LOG = {
    "predictions/parcel-delay/": 31,
    "outcomes/parcel-delay/": 31,
    "unknown-outcomes/parcel-delay/": 31,
    "predictions/shop-demand/": 365,
    "outcomes/shop-demand/": 365,
    "unknown-outcomes/shop-demand/": 365,
    "lookup/": 365,
}
"""What the definitions in tests/infra/models say, in whole days, and the default."""


@pytest.mark.parametrize(
    ("bucket", "expiring"), [("Lake", {"staged/": 30, "work/": 30, **LOG}), ("Landing", {"imports/": 30})]
)
def test_only_intermediate_objects_and_the_log_expire(
    assembly: Assembly, bucket: str, expiring: dict[str, int]
) -> None:
    [found] = [each for name, each in assembly.resources("AWS::S3::Bucket") if f"/{bucket}" in name]
    rules = found["LifecycleConfiguration"]["Rules"]
    assert {rule["Prefix"]: rule["ExpirationInDays"] for rule in rules if "ExpirationInDays" in rule} == expiring


def test_staged_rows_and_uploads_are_announced_to_their_queues(assembly: Assembly) -> None:
    announced = {}
    for name, bucket in assembly.resources("AWS::S3::Bucket"):
        for rule in bucket.get("NotificationConfiguration", {}).get("QueueConfigurations", []):
            keys = "*".join(part["Value"] for part in rule["Filter"]["S3Key"]["Rules"])
            announced[keys] = (name.split("/")[1].rstrip("0123456789ABCDEF"), rule["Queue"]["Fn::GetAtt"][0])
    assert {keys: bucket for keys, (bucket, _) in announced.items()} == {
        "uploads/": "Landing",
        "staged/*.rows": "Lake",
    }
    assert announced["uploads/"][1].startswith("Uploads")
    assert announced["staged/*.rows"][1].startswith("Staged")


def test_only_buckets_of_this_account_may_announce(assembly: Assembly) -> None:
    found = [
        statement
        for _, policy in assembly.resources("AWS::SQS::QueuePolicy")
        for statement in policy["PolicyDocument"]["Statement"]
        if statement["Principal"] == {"Service": "s3.amazonaws.com"}
    ]
    assert len(found) == 2
    for statement in found:
        assert statement["Condition"] == {"StringEquals": {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}}


def test_histories_cost_nothing_at_rest_expire_and_outlive_their_stack(assembly: Assembly) -> None:
    [table] = [
        each
        for each in assembly.templates["EverloopStorage"]["Resources"].values()
        if each["Type"] == "AWS::DynamoDB::Table"
    ]
    assert table["DeletionPolicy"] == "Retain"
    assert table["Properties"]["BillingMode"] == "PAY_PER_REQUEST"
    assert table["Properties"]["TimeToLiveSpecification"] == {"AttributeName": "expires_at", "Enabled": True}
    assert table["Properties"]["KeySchema"] == [{"AttributeName": "pk", "KeyType": "HASH"}]


def test_no_custom_resource_is_deployed(assembly: Assembly) -> None:
    types = {each["Type"] for template in assembly.templates.values() for each in template["Resources"].values()}
    assert not {each for each in types if each.startswith("Custom::") or each == "AWS::CloudFormation::CustomResource"}


def test_outputs_carry_the_names_the_command_line_reads(assembly: Assembly) -> None:
    outputs = {name for template in assembly.templates.values() for name in template["Outputs"]}
    assert {
        "LandingBucketName",
        "LakeBucketName",
        "ModelsBucketName",
        "HistoryTableName",
        "EventBusName",
        "TrainingStateMachineArn",
        "CheckFunctionName",
        "ReplayFunctionName",
        "ApiId",
        "ApiStage",
        "ApiUrl",
        "ApiKeyId",
        "AlarmTopicArn",
        "UploadsDeadLettersUrl",
        "StagedDeadLettersUrl",
        "HistoryEventsDeadLettersUrl",
        "TrainingRequestsDeadLettersUrl",
        "PredictionsDeadLettersUrl",
        "ChecksDeadLettersUrl",
    } <= outputs
