"""From a file to a model: ingest, validate, keep histories, and the training workflow."""

from typing import Any

from aws_cdk import CfnOutput, Duration, Stack
from aws_cdk.aws_events import EventPattern, Rule, RuleTargetInput
from aws_cdk.aws_events_targets import SfnStateMachine, SqsQueue
from constructs import Construct

from everloop.settings import (
    BeginRunSettings,
    EvaluateCandidateSettings,
    FinishRunSettings,
    FitCandidateSettings,
    ImportCandidateSettings,
    IngestUploadSettings,
    MaterializeHistorySettings,
    PrepareDatasetSettings,
    RegisterVersionSettings,
    RunTrialSettings,
    SelectTrialsSettings,
    SetAliasSettings,
    ValidateBatchSettings,
)
from infra.config import Config
from infra.constructs.layers import Layers
from infra.constructs.python_function import PythonFunction
from infra.constructs.statements import (
    list_keys,
    publish_events,
    read_items,
    read_objects,
    write_items,
    write_objects,
)
from infra.constructs.training_workflow import TrainingWorkflow
from infra.constructs.work_queue import DeadLetterQueue, WorkQueue
from infra.stacks.storage import INGEST_TIMEOUT_S, VALIDATE_TIMEOUT_S, StorageStack

SCRATCH_MIB = 4096
"""An upload of 256 MiB, unpacked to 1 GiB, written as Parquet, and what DuckDB spills meanwhile."""

MAX_FILES_AT_ONCE = 10
"""A flood of uploads must not take the account's concurrency away from predictions."""

EVENT_MAX_AGE = Duration.hours(1)
EVENT_RETRIES = 20
"""Custom buses retry 5 times in 5 minutes by default: too few for a throttled StartExecution."""

MATERIALIZE_TIMEOUT_S = 900
BATCHES_PER_LOOK = 10
BATCH_DELAY_S = 5
"""Batches gathered, and seconds waited for them: those of one model are brought in by one look at the lake."""


class PipelineStack(Stack):
    def __init__(
        self, scope: Construct, construct_id: str, *, config: Config, storage: StorageStack, **kwargs: Any
    ) -> None:
        super().__init__(scope, construct_id, **kwargs)
        layers = Layers(self, "Layers", config=config)
        landing, lake, models, bus = storage.landing, storage.lake, storage.models, storage.bus

        self.ingest_upload = PythonFunction(
            self,
            "IngestUpload",
            config=config,
            stage="ingestion",
            module="ingest_upload",
            settings=IngestUploadSettings(lake_bucket=lake.bucket_name, event_bus=bus.event_bus_name),
            layers=layers.data,
            memory_size_mib=2048,
            timeout_s=INGEST_TIMEOUT_S,
            scratch_mib=SCRATCH_MIB,
            access=[
                read_objects(landing, "uploads/*"),
                list_keys(landing),
                read_objects(lake, "staged/*", "reports/*"),
                write_objects(lake, "staged/*", "reports/*"),
                list_keys(lake),
                publish_events(bus),
            ],
        )
        self.ingest_upload.consume(storage.uploads, batch_size=1, concurrency=MAX_FILES_AT_ONCE)

        self.validate_batch = PythonFunction(
            self,
            "ValidateBatch",
            config=config,
            stage="validation",
            module="validate_batch",
            settings=ValidateBatchSettings(lake_bucket=lake.bucket_name, event_bus=bus.event_bus_name),
            layers=layers.data,
            memory_size_mib=3008,
            timeout_s=VALIDATE_TIMEOUT_S,
            scratch_mib=SCRATCH_MIB,
            access=[
                read_objects(
                    lake, "staged/*", "batches/*", "profiles/*", "keys/*", "arrivals/*", "reports/*", "predictions/*"
                ),
                write_objects(lake, "batches/*", "quarantine/*", "profiles/*", "keys/*", "arrivals/*", "reports/*"),
                list_keys(lake),
                publish_events(bus),
            ],
        )
        self.validate_batch.consume(storage.staged, batch_size=1, concurrency=MAX_FILES_AT_ONCE)

        self.history_events = WorkQueue(self, "HistoryEvents", config=config, consumer_timeout_s=MATERIALIZE_TIMEOUT_S)
        self.materialize_history = PythonFunction(
            self,
            "MaterializeHistory",
            config=config,
            stage="materialization",
            module="materialize_history",
            settings=MaterializeHistorySettings(lake_bucket=lake.bucket_name, history_table=storage.history.table_name),
            layers=layers.data,
            memory_size_mib=3008,
            timeout_s=MATERIALIZE_TIMEOUT_S,
            scratch_mib=SCRATCH_MIB,
            access=[
                read_objects(lake, "batches/*", "reports/*"),
                list_keys(lake),
                read_items(storage.history),
                write_items(storage.history),
            ],
        )
        self.materialize_history.consume(
            self.history_events, batch_size=BATCHES_PER_LOOK, window_s=BATCH_DELAY_S, concurrency=MAX_FILES_AT_ONCE
        )
        Rule(
            self,
            "HistoryChanged",
            description="Accepted rows become history; a training request builds what was declared since",
            event_bus=bus,
            event_pattern=EventPattern(source=["everloop"], detail_type=["batch.accepted", "training.requested"]),
            targets=[
                SqsQueue(
                    self.history_events,
                    message=RuleTargetInput.from_event_path("$.detail"),
                    retry_attempts=EVENT_RETRIES,
                    max_event_age=EVENT_MAX_AGE,
                    dead_letter_queue=self.history_events.dead_letters,
                )
            ],
        )

        self.begin_run = PythonFunction(
            self,
            "BeginRun",
            config=config,
            stage="training",
            module="begin_run",
            settings=BeginRunSettings(models_bucket=models.bucket_name),
            layers=layers.serving,
            memory_size_mib=512,
            timeout_s=60,
            access=[
                read_objects(models, "*/training.json", "*/reports/*"),
                write_objects(models, "*/training.json"),
                list_keys(models),
            ],
        )
        self.prepare_dataset = PythonFunction(
            self,
            "PrepareDataset",
            config=config,
            stage="training",
            module="prepare_dataset",
            settings=PrepareDatasetSettings(landing_bucket=landing.bucket_name, lake_bucket=lake.bucket_name),
            layers=layers.data,
            memory_size_mib=3008,
            timeout_s=900,
            scratch_mib=SCRATCH_MIB,
            access=[
                read_objects(landing, "imports/*.reference"),
                list_keys(landing),
                read_objects(lake, "batches/*", "reports/*", "datasets/*", "profiles/*/centres/*", "work/*"),
                write_objects(lake, "datasets/*", "profiles/*/centres/*", "work/*"),
                list_keys(lake),
            ],
        )
        self.run_trial = PythonFunction(
            self,
            "RunTrial",
            config=config,
            stage="training",
            module="run_trial",
            settings=RunTrialSettings(lake_bucket=lake.bucket_name),
            layers=layers.training,
            memory_size_mib=3008,
            timeout_s=900,
            access=[read_objects(lake, "work/*"), write_objects(lake, "work/*"), list_keys(lake)],
        )
        self.select_trials = PythonFunction(
            self,
            "SelectTrials",
            config=config,
            stage="training",
            module="select_trials",
            settings=SelectTrialsSettings(lake_bucket=lake.bucket_name),
            layers=layers.serving,
            memory_size_mib=512,
            timeout_s=60,
            access=[read_objects(lake, "work/*"), write_objects(lake, "work/*"), list_keys(lake)],
        )
        self.fit_candidate = PythonFunction(
            self,
            "FitCandidate",
            config=config,
            stage="training",
            module="fit_candidate",
            settings=FitCandidateSettings(lake_bucket=lake.bucket_name),
            layers=layers.training,
            memory_size_mib=3008,
            timeout_s=900,
            access=[read_objects(lake, "work/*"), write_objects(lake, "work/*"), list_keys(lake)],
        )
        self.import_candidate = PythonFunction(
            self,
            "ImportCandidate",
            config=config,
            stage="training",
            module="import_candidate",
            settings=ImportCandidateSettings(landing_bucket=landing.bucket_name, lake_bucket=lake.bucket_name),
            layers=layers.training,
            memory_size_mib=3008,
            timeout_s=900,
            access=[
                read_objects(landing, "imports/*.onnx"),
                list_keys(landing),
                read_objects(lake, "work/*"),
                write_objects(lake, "work/*"),
                list_keys(lake),
            ],
        )
        self.evaluate_candidate = PythonFunction(
            self,
            "EvaluateCandidate",
            config=config,
            stage="training",
            module="evaluate_candidate",
            settings=EvaluateCandidateSettings(lake_bucket=lake.bucket_name, models_bucket=models.bucket_name),
            layers=layers.training,
            memory_size_mib=3008,
            timeout_s=900,
            access=[
                read_objects(lake, "work/*"),
                write_objects(lake, "work/*"),
                list_keys(lake),
                read_objects(models, "*"),
                list_keys(models),
            ],
        )
        self.register_version = PythonFunction(
            self,
            "RegisterVersion",
            config=config,
            stage="registry",
            module="register_version",
            settings=RegisterVersionSettings(
                lake_bucket=lake.bucket_name, models_bucket=models.bucket_name, event_bus=bus.event_bus_name
            ),
            layers=layers.serving,
            memory_size_mib=512,
            timeout_s=120,
            access=[
                read_objects(lake, "work/*"),
                list_keys(lake),
                read_objects(models, "*/versions/*", "*/runs/*"),
                write_objects(models, "*/versions/*", "*/runs/*"),
                list_keys(models),
                publish_events(bus),
            ],
        )
        self.set_alias = PythonFunction(
            self,
            "SetAlias",
            config=config,
            stage="registry",
            module="set_alias",
            settings=SetAliasSettings(models_bucket=models.bucket_name, event_bus=bus.event_bus_name),
            layers=layers.serving,
            memory_size_mib=512,
            timeout_s=60,
            access=[
                read_objects(models, "*/versions/*", "*/aliases.json"),
                write_objects(models, "*/aliases.json"),
                list_keys(models),
                publish_events(bus),
            ],
        )
        self.finish_run = PythonFunction(
            self,
            "FinishRun",
            config=config,
            stage="training",
            module="finish_run",
            settings=FinishRunSettings(models_bucket=models.bucket_name, event_bus=bus.event_bus_name),
            layers=layers.serving,
            memory_size_mib=512,
            timeout_s=60,
            access=[
                read_objects(models, "*/reports/*"),
                write_objects(models, "*/reports/*"),
                list_keys(models),
                publish_events(bus),
            ],
        )

        self.training = TrainingWorkflow(
            self,
            "Training",
            config=config,
            begin_run=self.begin_run,
            prepare_dataset=self.prepare_dataset,
            run_trial=self.run_trial,
            select_trials=self.select_trials,
            fit_candidate=self.fit_candidate,
            import_candidate=self.import_candidate,
            evaluate_candidate=self.evaluate_candidate,
            register_version=self.register_version,
            set_alias=self.set_alias,
            finish_run=self.finish_run,
        )
        self.training.let_watch(self.begin_run)

        self.lost_requests = DeadLetterQueue(self, "TrainingRequestsDeadLetters", config=config)
        Rule(
            self,
            "TrainingRequested",
            description="Whoever asks for a training, the workflow answers",
            event_bus=bus,
            event_pattern=EventPattern(source=["everloop"], detail_type=["training.requested"]),
            targets=[
                SfnStateMachine(
                    self.training.state_machine,
                    input=RuleTargetInput.from_event_path("$.detail.data"),
                    retry_attempts=EVENT_RETRIES,
                    max_event_age=EVENT_MAX_AGE,
                    dead_letter_queue=self.lost_requests,
                )
            ],
        )

        self.functions = [
            self.ingest_upload,
            self.validate_batch,
            self.materialize_history,
            self.begin_run,
            self.prepare_dataset,
            self.run_trial,
            self.select_trials,
            self.fit_candidate,
            self.import_candidate,
            self.evaluate_candidate,
            self.register_version,
            self.set_alias,
            self.finish_run,
        ]
        self.dead_letters = [
            storage.uploads.dead_letters,
            storage.staged.dead_letters,
            self.history_events.dead_letters,
            self.lost_requests,
        ]

        CfnOutput(self, "TrainingStateMachineArn", value=self.training.state_machine.state_machine_arn)
