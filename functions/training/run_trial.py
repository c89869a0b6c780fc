"""Fit and judge one trial of the search; a trial that has its result already is not run again."""

import json
from functools import cache
from typing import Any

from everloop.adapters.definitions import load_definition
from everloop.adapters.observability import annotate_trace
from everloop.adapters.s3_objects import S3ObjectStore
from everloop.settings import RunTrialSettings
from everloop.stores.work import WorkStore
from everloop.training.prepared import PreparedDataset
from everloop.training.search import run_trial


@cache
def lake() -> S3ObjectStore:
    return S3ObjectStore(RunTrialSettings.from_env().lake_bucket)


def lambda_handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    annotate_trace(model=event["model"], run_id=event["run_id"])
    work = WorkStore(lake(), event["model"], event["run_id"])
    trial = event["trial"]
    name = f"trials/{trial['trial']}.json"
    known = work.find(name)
    if known is None:
        dataset = PreparedDataset.from_npz(work.read("dataset.npz"))
        work.write(name, json.dumps(run_trial(trial, dataset, load_definition(event["model"]))).encode())
        known = work.read(name)
    result: dict[str, Any] = json.loads(known)
    return result
