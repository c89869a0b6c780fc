"""Fit and judge one trial of the search; a trial that has its result already is not run again."""

import json
from functools import cache, lru_cache
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


@lru_cache(maxsize=1)
def dataset(model: str, run_id: str) -> PreparedDataset:
    """Written once, and read once by a warm worker for all the trials it gets."""
    return PreparedDataset.from_npz(WorkStore(lake(), model, run_id).read("dataset.npz"))


def lambda_handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    annotate_trace(model=event["model"], run_id=event["run_id"])
    work = WorkStore(lake(), event["model"], event["run_id"])
    trial = event["trial"]
    name = f"trials/{trial.get('rung', 0)}/{trial['trial']}.json"
    result: dict[str, Any] = json.loads(work.once(name, lambda: json.dumps(_run(event)).encode()))
    return result


def _run(event: dict[str, Any]) -> dict[str, Any]:
    model = event["model"]
    return run_trial(event["trial"], dataset(model, event["run_id"]), load_definition(model))
