"""Begin a training run, unless another run of the model goes on."""

from functools import cache
from typing import Any

from everloop.adapters.observability import annotate_trace
from everloop.adapters.s3_objects import S3ObjectStore
from everloop.adapters.step_functions import StepFunctionsExecutions
from everloop.adapters.system_clock import SystemClock
from everloop.settings import BeginRunSettings
from everloop.stores.claims import TrainingClaims


@cache
def claims() -> TrainingClaims:
    models = S3ObjectStore(BeginRunSettings.from_env().models_bucket)
    return TrainingClaims(models, StepFunctionsExecutions(), SystemClock())


def lambda_handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    annotate_trace(model=event["model"], run_id=event["run_id"])
    claim = claims().claim(event["model"], event["run_id"], event["execution"])
    return claim.model_dump(mode="json")
