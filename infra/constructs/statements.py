"""IAM statements, one per intent; every action and every prefix is written out where it is granted."""

from aws_cdk.aws_dynamodb import ITable
from aws_cdk.aws_events import IEventBus
from aws_cdk.aws_iam import PolicyStatement
from aws_cdk.aws_s3 import IBucket
from aws_cdk.aws_sqs import IQueue


def read_objects(bucket: IBucket, *keys: str) -> PolicyStatement:
    return PolicyStatement(
        actions=["s3:GetObject", "s3:GetObjectVersion"], resources=[bucket.arn_for_objects(key) for key in keys]
    )


def write_objects(bucket: IBucket, *keys: str) -> PolicyStatement:
    return PolicyStatement(actions=["s3:PutObject"], resources=[bucket.arn_for_objects(key) for key in keys])


def list_keys(bucket: IBucket) -> PolicyStatement:
    """List a bucket, and be told that an object is absent.

    NOTE: S3 answers 403 instead of 404 for an absent key to callers without s3:ListBucket, and a condition on
    s3:prefix counts as without, because reading one object carries no prefix.
    """
    return PolicyStatement(actions=["s3:ListBucket"], resources=[bucket.bucket_arn])


def read_items(table: ITable) -> PolicyStatement:
    return PolicyStatement(actions=["dynamodb:BatchGetItem"], resources=[table.table_arn])


def write_items(table: ITable) -> PolicyStatement:
    return PolicyStatement(actions=["dynamodb:PutItem"], resources=[table.table_arn])


def publish_events(bus: IEventBus) -> PolicyStatement:
    return PolicyStatement(actions=["events:PutEvents"], resources=[bus.event_bus_arn])


def send_messages(queue: IQueue) -> PolicyStatement:
    return PolicyStatement(actions=["sqs:SendMessage"], resources=[queue.queue_arn])


def receive_messages(queue: IQueue) -> PolicyStatement:
    return PolicyStatement(
        actions=["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"], resources=[queue.queue_arn]
    )
