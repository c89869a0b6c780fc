"""Choose which trials of a rung go on to the next one, once for each rung."""

import json
from functools import cache
from typing import Any

from everloop.adapters.definitions import load_definition
from everloop.adapters.observability import annotate_trace
from everloop.adapters.s3_objects import S3ObjectStore
from everloop.settings import SelectTrialsSettings
from everloop.stores.work import WorkStore
from everloop.training.halving import select_trials


@cache
def lake() -> S3ObjectStore:
    return S3ObjectStore(SelectTrialsSettings.from_env().lake_bucket)


def lambda_handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    annotate_trace(model=event["model"], run_id=event["run_id"])
    work = WorkStore(lake(), event["model"], event["run_id"])
    search = event["search"]
    name = f"trials/{search['rung']}/selection.json"
    metric = load_definition(event["model"]).metric
    made = work.once(name, lambda: json.dumps(select_trials(search, event["trials"], metric)).encode())
    result: dict[str, Any] = json.loads(made)
    return result
