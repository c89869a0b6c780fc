"""One Lambda function: one file of functions/, its settings, its own role, its own log group."""

from collections.abc import Sequence
from functools import cached_property

from aws_cdk import Duration, Size
from aws_cdk.aws_iam import PolicyStatement, Role, ServicePrincipal
from aws_cdk.aws_lambda import Alias, Code, EventSourceMapping, Function, LayerVersion, SnapStartConf, Tracing
from aws_cdk.aws_logs import LogGroup, RetentionDays
from constructs import Construct

from everloop.settings import Settings
from infra.config import REPOSITORY, Config
from infra.constructs.findings import accept, accept_wildcard
from infra.constructs.layers import RUNTIME
from infra.constructs.statements import receive_messages
from infra.constructs.work_queue import DeadLetterQueue, WorkQueue

METRICS_NAMESPACE = "Everloop"
LOG_RETENTION = RetentionDays.THREE_MONTHS


class PythonFunction(Function):
    """`functions/<stage>/<module>.py`, allowed exactly what `access` says besides writing its logs and traces.

    `dead_letters` takes the events of asynchronous calls that failed to the last. With `snap_start` the published
    versions start from a snapshot of what the import left behind, so nothing may be opened or drawn by an import.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        config: Config,
        stage: str,
        module: str,
        settings: Settings,
        layers: Sequence[LayerVersion],
        memory_size_mib: int,
        timeout_s: int,
        access: Sequence[PolicyStatement],
        reserved_concurrency: int | None = None,
        scratch_mib: int = 512,
        snap_start: bool = False,
        dead_letters: DeadLetterQueue | None = None,
    ) -> None:
        source = REPOSITORY / "functions" / stage / f"{module}.py"
        log_group = LogGroup(
            scope, f"{construct_id}Logs", retention=LOG_RETENTION, removal_policy=config.removal_policy
        )
        # Not the role CDK would make: that one has AWS's managed policy, which may write to every log group.
        role = Role(scope, f"{construct_id}Role", assumed_by=ServicePrincipal("lambda.amazonaws.com"))
        for statement in [_write_logs(log_group), *access]:
            role.add_to_policy(statement)
        super().__init__(
            scope,
            construct_id,
            description=_summary(source.read_text("utf-8")),
            runtime=RUNTIME,
            architecture=config.lambda_architecture,
            code=Code.from_asset(str(source.parent), exclude=["*", f"!{source.name}"]),
            handler=f"{module}.lambda_handler",
            layers=list(layers),
            memory_size=memory_size_mib,
            timeout=Duration.seconds(timeout_s),
            reserved_concurrent_executions=reserved_concurrency,
            ephemeral_storage_size=Size.mebibytes(scratch_mib),
            role=role,
            log_group=log_group,
            tracing=Tracing.ACTIVE if config.tracing else Tracing.DISABLED,
            snap_start=SnapStartConf.ON_PUBLISHED_VERSIONS if snap_start else None,
            dead_letter_queue=dead_letters,
            environment={
                **settings.to_env(),
                "POWERTOOLS_SERVICE_NAME": module,
                "POWERTOOLS_METRICS_NAMESPACE": METRICS_NAMESPACE,
                "POWERTOOLS_LOG_LEVEL": "INFO",
            },
        )
        accept(self, "L1", reason="The newest runtime that every pinned wheel of the layers is built and tested for.")
        self.timeout_s = timeout_s
        self._role = role
        if config.tracing:
            reason = "X-Ray's PutTraceSegments and PutTelemetryRecords know no resources."
            accept(role, "IAM5[Resource::*]", reason=reason)
        for statement in access:
            for resource in statement.resources:
                if "*" in resource:
                    accept_wildcard(
                        role,
                        resource,
                        reason="Keys are content hashes known at run time; their prefix is the narrowest resource.",
                    )

    @cached_property
    def live(self) -> Alias:
        """The alias `live` of the version deployed last: callers never meet a half-updated function."""
        return Alias(self, "Live", alias_name="live", version=self.current_version)

    def consume(self, queue: WorkQueue, *, batch_size: int, window_s: int = 0, concurrency: int | None = None) -> None:
        """Be triggered by a queue, and give back only the messages that failed."""
        self._role.add_to_policy(receive_messages(queue))
        EventSourceMapping(
            self,
            "Trigger",
            target=self,
            event_source_arn=queue.queue_arn,
            batch_size=batch_size,
            max_batching_window=Duration.seconds(window_s),
            max_concurrency=concurrency,
            report_batch_item_failures=True,
        )


def _write_logs(log_group: LogGroup) -> PolicyStatement:
    return PolicyStatement(actions=["logs:CreateLogStream", "logs:PutLogEvents"], resources=[log_group.log_group_arn])


def _summary(source: str) -> str:
    """The first line of the module's docstring: what the console shows for the function."""
    return source.lstrip().removeprefix('"""').split("\n", 1)[0].removesuffix('"""').strip()
