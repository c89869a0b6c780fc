"""One schedule for the experiments of all models."""

from aws_cdk import Duration
from aws_cdk.aws_iam import Role, ServicePrincipal
from aws_cdk.aws_scheduler import ContextAttribute, Schedule, ScheduleExpression, ScheduleTargetInput
from aws_cdk.aws_scheduler_targets import LambdaInvoke
from constructs import Construct

from infra.constructs.findings import accept_wildcard
from infra.constructs.python_function import PythonFunction
from infra.constructs.work_queue import DeadLetterQueue

EVERY = Duration.minutes(5)
"""How long a challenger that fails may go on, while its callers get the champion's answers."""


class TrafficSchedule(Construct):
    def __init__(
        self, scope: Construct, construct_id: str, *, judge_traffic: PythonFunction, dead_letters: DeadLetterQueue
    ) -> None:
        super().__init__(scope, construct_id)
        role = Role(self, "Role", assumed_by=ServicePrincipal("scheduler.amazonaws.com"))
        Schedule(
            self,
            "Experiments",
            description="Judge the experiments that run",
            schedule=ScheduleExpression.rate(EVERY),
            target=LambdaInvoke(
                judge_traffic,
                input=ScheduleTargetInput.from_object({"scheduled_time": ContextAttribute.scheduled_time}),
                role=role,
                retry_attempts=1,  # the next look sees the same rows and more
                max_event_age=EVERY,
                dead_letter_queue=dead_letters,
            ),
        )
        accept_wildcard(
            role,
            f"{judge_traffic.function_arn}:*",
            reason="The versions and aliases of the one function the schedule invokes.",
        )
