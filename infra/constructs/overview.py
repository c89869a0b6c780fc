"""One dashboard with what an operator looks at first."""

from collections.abc import Sequence

from aws_cdk.aws_apigateway import RestApi
from aws_cdk.aws_cloudwatch import AlarmStatusWidget, Dashboard, GraphWidget
from aws_cdk.aws_stepfunctions import StateMachine
from constructs import Construct

from infra.constructs.alarms import PERIOD, Alarms
from infra.constructs.python_function import PythonFunction
from infra.constructs.work_queue import DeadLetterQueue

HALF, FULL = 12, 24
"""Widths in CloudWatch's grid of 24 columns."""


class Overview(Construct):
    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        api: RestApi,
        predict: PythonFunction,
        training: StateMachine,
        functions: Sequence[PythonFunction],
        dead_letters: Sequence[DeadLetterQueue],
        alarms: Alarms,
    ) -> None:
        super().__init__(scope, construct_id)
        dashboard = Dashboard(self, "Dashboard")
        dashboard.add_widgets(AlarmStatusWidget(title="Alarms", alarms=alarms.all, width=FULL))
        dashboard.add_widgets(
            GraphWidget(
                title="Requests",
                width=HALF,
                left=[api.metric_count(period=PERIOD)],
                right=[api.metric_client_error(period=PERIOD), api.metric_server_error(period=PERIOD)],
            ),
            GraphWidget(
                title="Predict: duration",
                width=HALF,
                left=[predict.metric_duration(period=PERIOD, statistic=each) for each in ("p50", "p95", "p99")],
            ),
        )
        dashboard.add_widgets(
            GraphWidget(
                title="Training runs",
                width=HALF,
                left=[
                    training.metric_started(period=PERIOD),
                    training.metric_succeeded(period=PERIOD),
                    training.metric_failed(period=PERIOD),
                ],
            ),
            GraphWidget(
                title="Dead letters",
                width=HALF,
                left=[
                    queue.metric_approximate_number_of_messages_visible(period=PERIOD, statistic="Maximum")
                    for queue in dead_letters
                ],
            ),
        )
        dashboard.add_widgets(
            GraphWidget(
                title="Function errors", width=FULL, left=[each.metric_errors(period=PERIOD) for each in functions]
            )
        )
