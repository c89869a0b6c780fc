"""Queues: work that is tried again, and the dead letters of what never succeeded."""

from aws_cdk import CfnOutput, Duration, Stack
from aws_cdk.aws_iam import PolicyStatement, ServicePrincipal
from aws_cdk.aws_sqs import DeadLetterQueue as DeadLetters
from aws_cdk.aws_sqs import Queue, QueueEncryption
from constructs import Construct, IConstruct

from infra.config import Config
from infra.constructs.findings import accept

MAX_RECEIVES = 5
"""Deliveries before a message is a dead letter; AWS advises at least 5 in front of Lambda."""

VISIBILITY_TIMEOUT_PER_FUNCTION_TIMEOUT = 6
"""AWS advises a visibility timeout of six times the consumer's, so that throttled work is not delivered twice."""


class DeadLetterQueue(Queue):
    """Holds what failed for 14 days, the longest SQS offers; its URL is an output of the stack."""

    def __init__(self, scope: Construct, construct_id: str, *, config: Config) -> None:
        super().__init__(
            scope,
            construct_id,
            encryption=QueueEncryption.SQS_MANAGED,
            enforce_ssl=True,
            retention_period=Duration.days(14),
            removal_policy=config.removal_policy,
        )
        CfnOutput(scope, f"{construct_id}Url", value=self.queue_url)
        accept(self, "SQS3", reason="This queue is itself a dead-letter queue.")


class WorkQueue(Queue):
    """A queue in front of one function, with dead letters behind it."""

    dead_letters: DeadLetterQueue

    def __init__(self, scope: Construct, construct_id: str, *, config: Config, consumer_timeout_s: int) -> None:
        dead_letters = DeadLetterQueue(scope, f"{construct_id}DeadLetters", config=config)
        super().__init__(
            scope,
            construct_id,
            encryption=QueueEncryption.SQS_MANAGED,
            enforce_ssl=True,
            retention_period=Duration.days(14),
            visibility_timeout=Duration.seconds(consumer_timeout_s * VISIBILITY_TIMEOUT_PER_FUNCTION_TIMEOUT),
            dead_letter_queue=DeadLetters(queue=dead_letters, max_receive_count=MAX_RECEIVES),
            removal_policy=config.removal_policy,
        )
        self.dead_letters = dead_letters

    def admit_s3(self) -> None:
        """Let buckets of this account send here; naming the bucket would make it and its queue wait for each other."""
        self.add_to_resource_policy(
            PolicyStatement(
                principals=[ServicePrincipal("s3.amazonaws.com")],
                actions=["sqs:SendMessage"],
                resources=[self.queue_arn],
                conditions={"StringEquals": {"aws:SourceAccount": Stack.of(self).account}},
            )
        )

    @property
    def access(self) -> IConstruct:
        """The queue's own policy."""
        return self.node.find_child("Policy")
