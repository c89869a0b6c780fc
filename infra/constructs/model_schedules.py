"""One schedule for each model: check it as often as its definition says."""

from collections.abc import Sequence

from aws_cdk import Duration
from aws_cdk.aws_iam import Role, ServicePrincipal
from aws_cdk.aws_scheduler import ContextAttribute, Schedule, ScheduleExpression, ScheduleTargetInput
from aws_cdk.aws_scheduler_targets import LambdaInvoke
from constructs import Construct

from everloop.contracts.definition import Definition
from infra.constructs.findings import accept_wildcard
from infra.constructs.python_function import PythonFunction
from infra.constructs.work_queue import DeadLetterQueue

RETRIES = 5
CHECK_MAX_AGE = Duration.hours(1)
"""A check that could not start within this time is a dead letter; the next one looks at the same window anyway."""


class ModelSchedules(Construct):
    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        definitions: Sequence[Definition],
        check_model: PythonFunction,
        dead_letters: DeadLetterQueue,
    ) -> None:
        super().__init__(scope, construct_id)
        role = Role(self, "Role", assumed_by=ServicePrincipal("scheduler.amazonaws.com"))
        for definition in definitions:
            Schedule(
                self,
                definition.name.title().replace("-", ""),
                description=f"Check {definition.name}",
                schedule=ScheduleExpression.rate(Duration.minutes(definition.monitoring.every.total_seconds() / 60)),
                target=LambdaInvoke(
                    check_model,
                    input=ScheduleTargetInput.from_object(
                        {"model": definition.name, "scheduled_time": ContextAttribute.scheduled_time}
                    ),
                    role=role,
                    retry_attempts=RETRIES,
                    max_event_age=CHECK_MAX_AGE,
                    dead_letter_queue=dead_letters,
                ),
            )
        accept_wildcard(
            role,
            f"{check_model.function_arn}:*",
            reason="The versions and aliases of the one function the schedules invoke.",
        )
