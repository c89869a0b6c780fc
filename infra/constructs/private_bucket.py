"""A bucket that is private, encrypted, versioned, spoken to over TLS only, and logs who reads it."""

from collections.abc import Sequence

from aws_cdk import Duration
from aws_cdk.aws_s3 import (
    BlockPublicAccess,
    Bucket,
    BucketEncryption,
    CfnBucket,
    IBucket,
    LifecycleRule,
    ObjectOwnership,
)
from constructs import Construct

from infra.config import Config
from infra.constructs.work_queue import WorkQueue

NONCURRENT_MAX_AGE = Duration.days(30)
"""How long an overwritten or deleted object can still be brought back."""


class PrivateBucket(Bucket):
    """Keys are managed by S3: a key of our own would cost money at rest and guard against no one we do not trust."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        config: Config,
        access_logs: IBucket | None = None,
        versioned: bool = True,
        lifecycle_rules: Sequence[LifecycleRule] = (),
    ) -> None:
        super().__init__(
            scope,
            construct_id,
            block_public_access=BlockPublicAccess.BLOCK_ALL,
            object_ownership=ObjectOwnership.BUCKET_OWNER_ENFORCED,
            encryption=BucketEncryption.S3_MANAGED,
            enforce_ssl=True,
            minimum_tls_version=1.2,
            versioned=versioned,
            server_access_logs_bucket=access_logs,
            server_access_logs_prefix=f"{construct_id.lower()}/" if access_logs else None,
            removal_policy=config.removal_policy,
            lifecycle_rules=[
                LifecycleRule(id="AbandonedUploads", abort_incomplete_multipart_upload_after=Duration.days(7)),
                *([LifecycleRule(id="OldVersions", noncurrent_version_expiration=NONCURRENT_MAX_AGE)] * versioned),
                *lifecycle_rules,
            ],
        )

    def notify(self, queue: WorkQueue, *, prefix: str, suffix: str = "") -> None:
        """Send a message to the queue for each object created under the prefix.

        Set on the L1, because the L2 deploys a custom resource whose role may rewrite any bucket's notifications.
        """
        bucket = self.node.default_child
        assert isinstance(bucket, CfnBucket)
        rules = [
            CfnBucket.FilterRuleProperty(name=name, value=value)
            for name, value in (("prefix", prefix), ("suffix", suffix))
            if value
        ]
        bucket.notification_configuration = CfnBucket.NotificationConfigurationProperty(
            queue_configurations=[
                CfnBucket.QueueConfigurationProperty(
                    event="s3:ObjectCreated:*",
                    queue=queue.queue_arn,
                    filter=CfnBucket.NotificationFilterProperty(s3_key=CfnBucket.S3KeyFilterProperty(rules=rules)),
                )
            ]
        )
        queue.admit_s3()
        self.node.add_dependency(queue.access)  # S3 refuses a notification to a queue it may not yet write to
