"""Answers over HTTPS: predictions and outcomes for key holders, events and the registry for operators."""

from typing import Any

from aws_cdk import CfnOutput, Stack
from constructs import Construct

from everloop.settings import (
    DescribeApiSettings,
    ExplainPredictionSettings,
    JudgeTrafficSettings,
    OperateModelsSettings,
    PredictSettings,
    ReadModelsSettings,
    RecordEventsSettings,
    RecordOutcomeSettings,
)
from infra.config import Config
from infra.constructs.http_api import HttpApi
from infra.constructs.layers import Layers
from infra.constructs.python_function import PythonFunction
from infra.constructs.statements import (
    list_keys,
    publish_events,
    read_items,
    read_objects,
    send_messages,
    write_objects,
)
from infra.constructs.work_queue import WorkQueue
from infra.stacks.pipeline import SCRATCH_MIB
from infra.stacks.storage import StorageStack

API_TIMEOUT_S = 29
"""API Gateway waits no longer."""

LOG_PREDICTIONS_TIMEOUT_S = 120
JUDGE_TRAFFIC_TIMEOUT_S = 280
"""Below the five minutes after which the schedule asks again."""


class ServingStack(Stack):
    def __init__(
        self, scope: Construct, construct_id: str, *, config: Config, storage: StorageStack, **kwargs: Any
    ) -> None:
        super().__init__(scope, construct_id, **kwargs)
        layers = Layers(self, "Layers", config=config)
        lake, models, bus = storage.lake, storage.models, storage.bus

        self.predictions = WorkQueue(self, "Predictions", config=config, consumer_timeout_s=LOG_PREDICTIONS_TIMEOUT_S)
        self.predict = PythonFunction(
            self,
            "Predict",
            config=config,
            stage="inference",
            module="predict",
            settings=PredictSettings(
                models_bucket=models.bucket_name,
                prediction_queue_url=self.predictions.queue_url,
                history_table=storage.history.table_name,
            ),
            layers=layers.serving,
            memory_size_mib=1024,
            timeout_s=API_TIMEOUT_S,
            reserved_concurrency=config.predict_concurrency or None,
            snap_start=config.snap_start,
            access=[
                read_objects(models, "*/versions/*", "*/aliases.json", "*/breaker.json"),
                write_objects(models, "*/breaker.json"),
                list_keys(models),
                read_items(storage.history),
                send_messages(self.predictions),
            ],
        )
        self.record_outcome = PythonFunction(
            self,
            "RecordOutcome",
            config=config,
            stage="inference",
            module="record_outcome",
            settings=RecordOutcomeSettings(prediction_queue_url=self.predictions.queue_url),
            layers=layers.serving,
            memory_size_mib=512,
            timeout_s=API_TIMEOUT_S,
            access=[send_messages(self.predictions)],
        )
        self.describe_api = PythonFunction(
            self,
            "DescribeApi",
            config=config,
            stage="inference",
            module="describe_api",
            settings=DescribeApiSettings(),
            layers=layers.serving,
            memory_size_mib=512,
            timeout_s=API_TIMEOUT_S,
            access=[],
        )
        self.record_events = PythonFunction(
            self,
            "RecordEvents",
            config=config,
            stage="ingestion",
            module="record_events",
            settings=RecordEventsSettings(landing_bucket=storage.landing.bucket_name),
            layers=layers.serving,
            memory_size_mib=512,
            timeout_s=API_TIMEOUT_S,
            access=[write_objects(storage.landing, "uploads/*/events-*.jsonl")],
        )
        self.read_models = PythonFunction(
            self,
            "ReadModels",
            config=config,
            stage="registry",
            module="read_models",
            settings=ReadModelsSettings(lake_bucket=lake.bucket_name, models_bucket=models.bucket_name),
            layers=layers.serving,
            memory_size_mib=512,
            timeout_s=API_TIMEOUT_S,
            access=[
                read_objects(models, "*"),
                list_keys(models),
                read_objects(lake, "checks/*", "datasets/*", "reports/*"),
                list_keys(lake),
            ],
        )
        self.operate_models = PythonFunction(
            self,
            "OperateModels",
            config=config,
            stage="registry",
            module="operate_models",
            settings=OperateModelsSettings(models_bucket=models.bucket_name, event_bus=bus.event_bus_name),
            layers=layers.serving,
            memory_size_mib=512,
            timeout_s=API_TIMEOUT_S,
            access=[
                read_objects(models, "*/versions/*", "*/aliases.json"),
                write_objects(models, "*/aliases.json"),
                list_keys(models),
                publish_events(bus),
            ],
        )
        self.judge_traffic = PythonFunction(
            self,
            "JudgeTraffic",
            config=config,
            stage="monitoring",
            module="judge_traffic",
            settings=JudgeTrafficSettings(
                lake_bucket=lake.bucket_name, models_bucket=models.bucket_name, event_bus=bus.event_bus_name
            ),
            layers=layers.data,
            memory_size_mib=3008,
            timeout_s=JUDGE_TRAFFIC_TIMEOUT_S,
            scratch_mib=SCRATCH_MIB,
            access=[
                read_objects(lake, "predictions/*", "outcomes/*", "experiments/*", "work/*/digests/*"),
                write_objects(lake, "experiments/*", "work/*/digests/*"),
                list_keys(lake),
                read_objects(models, "*/aliases.json"),
                write_objects(models, "*/aliases.json"),
                list_keys(models),
                publish_events(bus),
            ],
        )

        self.explain_prediction = PythonFunction(
            self,
            "ExplainPrediction",
            config=config,
            stage="monitoring",
            module="explain_prediction",
            settings=ExplainPredictionSettings(lake_bucket=lake.bucket_name, models_bucket=models.bucket_name),
            layers=layers.data,
            memory_size_mib=1769,
            timeout_s=API_TIMEOUT_S,
            scratch_mib=SCRATCH_MIB,
            access=[
                read_objects(lake, "predictions/*", "lookup/*", "outcomes/*", "datasets/*", "reports/*"),
                list_keys(lake),
                read_objects(models, "*/versions/*"),
                list_keys(models),
            ],
        )

        self.api = HttpApi(self, "Api", config=config)
        self.api.for_key_holders(
            self.predict.live,
            "POST /models/{model}/predictions",
            "POST /models/{model}/versions/{version}/predictions",
            "GET /v2",
            "GET /v2/health/live",
            "GET /v2/health/ready",
            "GET /v2/models/{model}",
            "GET /v2/models/{model}/ready",
            "POST /v2/models/{model}/infer",
            "GET /v2/models/{model}/versions/{version}",
            "GET /v2/models/{model}/versions/{version}/ready",
            "POST /v2/models/{model}/versions/{version}/infer",
            "GET /ping",
            "POST /models/{model}/invocations",
        )
        self.api.for_key_holders(self.record_outcome, "POST /models/{model}/outcomes")
        self.api.for_key_holders(self.describe_api, "GET /openapi.json", "GET /docs")
        # Its rows become training data: who may only ask for predictions may not change what the next model learns.
        self.api.for_operators(self.record_events, "POST /models/{model}/events")
        self.api.for_operators(
            self.read_models,
            "GET /models",
            "GET /models/{model}",
            "GET /models/{model}/versions",
            "GET /models/{model}/versions/{version}",
            "GET /models/{model}/versions/{version}/card",
            "GET /models/{model}/versions/{version}/plots/{plot}",
            "GET /models/{model}/datasets",
            "GET /models/{model}/datasets/{version}",
            "GET /models/{model}/datasets/{version}/diff/{other}",
            "GET /models/{model}/history",
            "GET /models/{model}/monitoring",
            "GET /models/{model}/runs",
            "GET /models/{model}/runs/{run_id}",
        )
        self.api.for_operators(
            self.operate_models,
            "POST /models/{model}/trainings",
            "POST /models/{model}/versions/{version}/reproductions",
            "POST /models/{model}/imports",
            "POST /models/{model}/promote",
            "POST /models/{model}/rollback",
            "POST /models/{model}/traffic",
        )
        self.api.for_operators(self.judge_traffic, "GET /models/{model}/traffic")
        self.api.for_operators(self.explain_prediction, "GET /predictions/{prediction_id}")

        self.functions = [
            self.predict,
            self.record_outcome,
            self.describe_api,
            self.record_events,
            self.read_models,
            self.operate_models,
            self.judge_traffic,
            self.explain_prediction,
        ]
        self.dead_letters = [self.predictions.dead_letters]

        CfnOutput(self, "JudgeFunctionName", value=self.judge_traffic.function_name)
        CfnOutput(self, "ApiId", value=self.api.rest.rest_api_id)
        CfnOutput(self, "ApiStage", value=self.api.rest.deployment_stage.stage_name)
        CfnOutput(self, "ApiUrl", value=self.api.rest.url)
        CfnOutput(self, "ApiKeyId", value=self.api.key.key_id)
        CfnOutput(self, "PredictionQueueUrl", value=self.predictions.queue_url)
