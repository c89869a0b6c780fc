"""Alarms that reach a human: something was lost, something fails, something is slow."""

from aws_cdk import Duration, Stack
from aws_cdk.aws_apigateway import RestApi
from aws_cdk.aws_cloudwatch import Alarm, ComparisonOperator, IMetric, Metric, TreatMissingData
from aws_cdk.aws_cloudwatch_actions import SnsAction
from aws_cdk.aws_iam import PolicyStatement, ServicePrincipal
from aws_cdk.aws_kms import Key
from aws_cdk.aws_sns import Topic
from aws_cdk.aws_stepfunctions import StateMachine
from constructs import Construct

from infra.config import Config
from infra.constructs.python_function import METRICS_NAMESPACE, PythonFunction
from infra.constructs.work_queue import DeadLetterQueue

PERIOD = Duration.minutes(5)
TOLERATED_SKEW_PERCENT = 1
"""Of the predictions looked at: some rows come late everywhere."""


class Alarms(Construct):
    """Subscribe to the topic to be told."""

    def __init__(self, scope: Construct, construct_id: str, *, config: Config) -> None:
        super().__init__(scope, construct_id)
        # A key of our own, because CloudWatch may not publish to a topic under AWS's key.
        key = Key(
            self,
            "Key",
            description="Encrypts alarm messages",
            enable_key_rotation=True,
            removal_policy=config.removal_policy,
        )
        cloudwatch = ServicePrincipal(
            "cloudwatch.amazonaws.com", conditions={"StringEquals": {"aws:SourceAccount": Stack.of(self).account}}
        )
        key.grant_encrypt_decrypt(cloudwatch)
        self.topic = Topic(self, "Topic", display_name="Everloop alarms", master_key=key, enforce_ssl=True)
        # A policy of one's own, as enforce_ssl makes it, replaces the default one that lets CloudWatch publish.
        self.topic.add_to_resource_policy(
            PolicyStatement(actions=["sns:Publish"], principals=[cloudwatch], resources=[self.topic.topic_arn])
        )
        self.all: list[Alarm] = []

    def on_dead_letters(self, *queues: DeadLetterQueue) -> None:
        for queue in queues:
            self._above(
                0,
                queue.metric_approximate_number_of_messages_visible(period=PERIOD, statistic="Maximum"),
                f"{queue.node.id}NotEmpty",
                "Work was given up: read the messages, mend the cause, then redrive or ask again (docs/operations.md).",
            )

    def on_errors(self, *functions: PythonFunction) -> None:
        for function in functions:
            self._above(
                0,
                function.metric_errors(period=PERIOD, statistic="Sum"),
                f"{function.node.id}Errors",
                f"{function.node.id} raised an error: its log group says which.",
            )

    def on_failed_runs(self, training: StateMachine) -> None:
        ends = {
            "TrainingFailed": (training.metric_failed, "failed: its report names the reason"),
            "TrainingTimedOut": (training.metric_timed_out, "took too long and left no report: look at its execution"),
            "TrainingAborted": (training.metric_aborted, "was stopped and left no report: look at its execution"),
        }
        for name, (metric, what) in ends.items():
            told = f"A training run {what}. The champion stays as it is."
            self._above(0, metric(period=PERIOD, statistic="Sum"), name, told)

    def on_failing_answers(self, api: RestApi) -> None:
        self._above(
            0,
            api.metric_server_error(period=PERIOD, statistic="Sum"),
            "ApiServerErrors",
            "The API answered 5xx: look at the access log, then at the function's.",
        )

    def on_slow_answers(self, predict: PythonFunction, *, slo_ms: float) -> None:
        self._above(
            slo_ms,
            predict.metric_duration(period=PERIOD, statistic="p95"),
            "PredictSlow",
            f"The slowest twentieth of predictions took longer than {slo_ms:g} ms, the tightest latency_slo_ms.",
            evaluation_periods=3,
        )

    def on_aborted_experiments(self, *models: str) -> None:
        """By what judge_traffic counts."""
        for model in models:
            told = (
                f"The challenger of {model} broke a guardrail, or units got lost on the way to it. The champion has all"
                f" of the traffic again: `everloop experiment status {model}` says what was seen (docs/operations.md)."
            )
            self._count_above(0, "ExperimentAborted", told, model=model, service="judge_traffic")

    def on_failing_versions(self, *models: str) -> None:
        """By what predict counts of each answer that lacked something."""
        told = {
            "ModelFailures": "A version of {0} fails, and others answer for it (docs/operations.md): look with"
            " `everloop versions {0}` which one, in Predict's log why, and roll back if it is the champion.",
            "StorageFailures": "Answers of {0} were not logged, or were given without knowing its champion: Predict's"
            " log says whether S3, SQS or DynamoDB did not answer.",
        }
        for name, what in told.items():
            for model in models:
                self._count_above(0, name, what.format(model), model=model, service="predict")

    def on_wrong_history(self, *models: str) -> None:
        """By what check_model and materialize_history count."""
        told = {
            "HistorySkewedPercent": (
                "check_model",
                TOLERATED_SKEW_PERCENT,
                "Predictions of {} were made with other history than training would: rows arrive later than the delay"
                " that is declared (docs/operations.md).",
            ),
            "HistoryUnchecked": (
                "check_model",
                0,
                "The history that predictions of {} were made with could not be checked: CheckModel's log says why.",
            ),
            "HistoryTooLarge": (
                "materialize_history",
                0,
                "More happened to some entities of {} than can be kept, so their history is null: declare shorter"
                " windows (docs/operations.md).",
            ),
        }
        for name, (service, threshold, what) in told.items():
            for model in models:
                self._count_above(
                    threshold, name, what.format(model), model=model, service=service, statistic="Maximum"
                )

    def _count_above(
        self, threshold: float, name: str, description: str, *, model: str, service: str, statistic: str = "Sum"
    ) -> None:
        """On what a function counts of a model."""
        metric = Metric(
            namespace=METRICS_NAMESPACE,
            metric_name=name,
            dimensions_map={"model": model, "service": service},
            period=PERIOD,
            statistic=statistic,
        )
        self._above(threshold, metric, f"{name}-{model}", description)

    def _above(
        self, threshold: float, metric: IMetric, construct_id: str, description: str, *, evaluation_periods: int = 1
    ) -> None:
        alarm = Alarm(
            self,
            construct_id,
            alarm_description=description,
            metric=metric,
            threshold=threshold,
            comparison_operator=ComparisonOperator.GREATER_THAN_THRESHOLD,
            evaluation_periods=evaluation_periods,
            treat_missing_data=TreatMissingData.NOT_BREACHING,
        )
        alarm.add_alarm_action(SnsAction(self.topic))
        self.all.append(alarm)
