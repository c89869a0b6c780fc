"""Where everything lies: three buckets, the queues their objects arrive in, a table of histories, and the event bus."""

import math
from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import Any

from aws_cdk import CfnOutput, Duration, Stack
from aws_cdk.aws_dynamodb import Attribute, AttributeType, BillingMode, Table
from aws_cdk.aws_events import EventBus
from aws_cdk.aws_s3 import LifecycleRule
from constructs import Construct

from everloop.contracts.definition import Definition
from infra.config import Config
from infra.constructs.findings import accept
from infra.constructs.private_bucket import PrivateBucket
from infra.constructs.work_queue import WorkQueue

INGEST_TIMEOUT_S = 300
VALIDATE_TIMEOUT_S = 600

INTERMEDIATE_MAX_AGE = Duration.days(30)
"""Staged files, imported ones and training intermediates outlive the 14 days a dead letter may wait for its redrive."""


class StorageStack(Stack):
    def __init__(self, scope: Construct, construct_id: str, *, config: Config, **kwargs: Any) -> None:
        super().__init__(scope, construct_id, **kwargs)

        access_logs = PrivateBucket(
            self,
            "AccessLogs",
            config=config,
            versioned=False,
            lifecycle_rules=[LifecycleRule(id="OldLogs", expiration=Duration.days(90))],
        )
        self.landing = PrivateBucket(
            self,
            "Landing",
            config=config,
            access_logs=access_logs,
            lifecycle_rules=[LifecycleRule(id="Imports", prefix="imports/", expiration=INTERMEDIATE_MAX_AGE)],
        )
        self.lake = PrivateBucket(
            self,
            "Lake",
            config=config,
            access_logs=access_logs,
            lifecycle_rules=[
                LifecycleRule(id="Staged", prefix="staged/", expiration=INTERMEDIATE_MAX_AGE),
                LifecycleRule(id="Work", prefix="work/", expiration=INTERMEDIATE_MAX_AGE),
                *_log_lifecycle(config.definitions),
            ],
        )
        self.models = PrivateBucket(self, "Models", config=config, access_logs=access_logs)

        # The queues live beside their buckets: in the consumer's stack they and the buckets would need each other.
        self.uploads = WorkQueue(self, "Uploads", config=config, consumer_timeout_s=INGEST_TIMEOUT_S)
        self.staged = WorkQueue(self, "Staged", config=config, consumer_timeout_s=VALIDATE_TIMEOUT_S)
        self.landing.notify(self.uploads, prefix="uploads/")
        self.lake.notify(self.staged, prefix="staged/", suffix=".rows")  # written last, after its description

        self.history = Table(
            self,
            "History",
            partition_key=Attribute(name="pk", type=AttributeType.STRING),
            time_to_live_attribute="expires_at",
            billing_mode=BillingMode.PAY_PER_REQUEST,
            removal_policy=config.removal_policy,
        )
        accept(self.history, "DDB3", reason="Every item can be made anew from the accepted rows in the lake.")

        # NOTE: the bus gets a generated name like everything else, so that two deployments fit in one account; an
        # output and each function's settings carry it. Deleting a bus loses no data, so it is never retained.
        self.bus = EventBus(self, "Events", description="What happens in Everloop, as CloudEvents")

        CfnOutput(self, "LandingBucketName", value=self.landing.bucket_name)
        CfnOutput(self, "LakeBucketName", value=self.lake.bucket_name)
        CfnOutput(self, "ModelsBucketName", value=self.models.bucket_name)
        CfnOutput(self, "HistoryTableName", value=self.history.table_name)
        CfnOutput(self, "EventBusName", value=self.bus.event_bus_name)


def _log_lifecycle(definitions: Sequence[Definition]) -> Iterator[LifecycleRule]:
    """Each model's log for as long as it says; what finds an id in it lies by the hour, and goes with the last."""
    days = {each.name: math.ceil(each.serving.log_retention / timedelta(days=1)) for each in definitions}
    for model, age in days.items():
        for kind in ("predictions", "outcomes", "unknown-outcomes"):
            yield LifecycleRule(id=f"{kind.title()}-{model}", prefix=f"{kind}/{model}/", expiration=Duration.days(age))
    if days:
        yield LifecycleRule(id="Lookup", prefix="lookup/", expiration=Duration.days(max(days.values())))
