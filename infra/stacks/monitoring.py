"""Watching: predictions are logged, models are checked on schedule, and trouble reaches a human."""

from typing import Any

from aws_cdk import CfnOutput, Stack
from constructs import Construct

from everloop.settings import CheckModelSettings, LogPredictionsSettings, ReplayVersionSettings
from infra.config import Config
from infra.constructs.alarms import Alarms
from infra.constructs.layers import Layers
from infra.constructs.model_schedules import ModelSchedules
from infra.constructs.overview import Overview
from infra.constructs.python_function import PythonFunction
from infra.constructs.statements import list_keys, publish_events, read_objects, write_objects
from infra.constructs.traffic_schedule import TrafficSchedule
from infra.constructs.work_queue import DeadLetterQueue
from infra.stacks.pipeline import SCRATCH_MIB, PipelineStack
from infra.stacks.serving import LOG_PREDICTIONS_TIMEOUT_S, ServingStack
from infra.stacks.storage import StorageStack

PREDICTIONS_PER_WRITE = 500
"""Messages gathered. A write takes 30 ms of a processor and 3 requests of S3 before its first message, and 0.2 ms for
each: at 400 requests/s, 500 a write cost 0.25 ms a message and $1 a day, where 20 would cost 1.7 ms and $26. Lambda
cuts a batch at 6 MB: 4,000 messages of one row, or 30 of 1,000. One that cannot be written as a whole is written by the
message, for which many more would take longer than the function may.
"""
WRITE_DELAY_S = 5
"""Waited for them: fewer and larger Parquet files, and a log that is nearly live."""
REPLAY_TIMEOUT_S = 900
"""As long as Lambda lets a function run."""


class MonitoringStack(Stack):
    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        config: Config,
        storage: StorageStack,
        pipeline: PipelineStack,
        serving: ServingStack,
        **kwargs: Any,
    ) -> None:
        super().__init__(scope, construct_id, **kwargs)
        layers = Layers(self, "Layers", config=config)
        lake, models, bus = storage.lake, storage.models, storage.bus

        self.log_predictions = PythonFunction(
            self,
            "LogPredictions",
            config=config,
            stage="monitoring",
            module="log_predictions",
            settings=LogPredictionsSettings(lake_bucket=lake.bucket_name, models_bucket=models.bucket_name),
            layers=layers.data,
            memory_size_mib=1769,
            timeout_s=LOG_PREDICTIONS_TIMEOUT_S,
            access=[
                read_objects(lake, "predictions/*", "outcomes/*", "lookup/*"),
                write_objects(lake, "predictions/*", "outcomes/*", "lookup/*"),
                list_keys(lake),
                read_objects(models, "*/versions/*"),
            ],
        )
        self.log_predictions.consume(serving.predictions, batch_size=PREDICTIONS_PER_WRITE, window_s=WRITE_DELAY_S)

        missed_checks = DeadLetterQueue(self, "ChecksDeadLetters", config=config)
        self.check_model = PythonFunction(
            self,
            "CheckModel",
            config=config,
            stage="monitoring",
            module="check_model",
            settings=CheckModelSettings(
                lake_bucket=lake.bucket_name, models_bucket=models.bucket_name, event_bus=bus.event_bus_name
            ),
            layers=layers.data,
            memory_size_mib=3008,
            timeout_s=300,
            scratch_mib=SCRATCH_MIB,
            access=[
                read_objects(lake, "predictions/*", "outcomes/*", "lookup/*", "checks/*", "batches/*", "reports/*"),
                write_objects(lake, "checks/*", "unknown-outcomes/*"),
                list_keys(lake),
                read_objects(models, "*"),
                list_keys(models),
                publish_events(bus),
            ],
            dead_letters=missed_checks,
        )
        self.replay_version = PythonFunction(
            self,
            "ReplayVersion",
            config=config,
            stage="monitoring",
            module="replay_version",
            settings=ReplayVersionSettings(lake_bucket=lake.bucket_name, models_bucket=models.bucket_name),
            layers=layers.data,
            memory_size_mib=3008,
            timeout_s=REPLAY_TIMEOUT_S,
            scratch_mib=SCRATCH_MIB,
            access=[
                read_objects(lake, "predictions/*", "outcomes/*", "lookup/*"),
                write_objects(lake, "replays/*"),
                list_keys(lake),
                read_objects(models, "*/versions/*"),
                list_keys(models),
            ],
        )
        ModelSchedules(
            self,
            "Schedules",
            definitions=config.definitions,
            check_model=self.check_model,
            dead_letters=missed_checks,
        )
        TrafficSchedule(self, "Traffic", judge_traffic=serving.judge_traffic, dead_letters=missed_checks)

        own = [self.log_predictions, self.check_model, self.replay_version]
        functions = [*pipeline.functions, *serving.functions, *own]
        dead_letters = [*pipeline.dead_letters, *serving.dead_letters, missed_checks]
        self.alarms = Alarms(self, "Alarms", config=config)
        self.alarms.on_dead_letters(*dead_letters)
        self.alarms.on_errors(*functions)
        self.alarms.on_failed_runs(pipeline.training.state_machine)
        self.alarms.on_failing_answers(serving.api.rest)
        self.alarms.on_slow_answers(
            serving.predict,
            slo_ms=min((each.serving.latency_slo_ms for each in config.definitions), default=100),
        )
        self.alarms.on_aborted_experiments(*(each.name for each in config.definitions))
        self.alarms.on_failing_versions(*(each.name for each in config.definitions))
        self.alarms.on_wrong_history(*(each.name for each in config.definitions if each.histories))
        Overview(
            self,
            "Overview",
            api=serving.api.rest,
            predict=serving.predict,
            training=pipeline.training.state_machine,
            functions=functions,
            dead_letters=dead_letters,
            alarms=self.alarms,
        )

        CfnOutput(self, "CheckFunctionName", value=self.check_model.function_name)
        CfnOutput(self, "ReplayFunctionName", value=self.replay_version.function_name)
        CfnOutput(self, "AlarmTopicArn", value=self.alarms.topic.topic_arn)
