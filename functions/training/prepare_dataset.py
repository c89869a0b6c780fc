"""Gather the accepted rows of the training window into typed arrays, and compile the features."""

import tempfile
from functools import cache
from pathlib import Path
from typing import Any

from everloop.adapters.definitions import load_definition
from everloop.adapters.observability import annotate_trace
from everloop.adapters.s3_objects import S3ObjectStore
from everloop.contracts.registry import TrainingRequest
from everloop.features.compile import compile_features
from everloop.settings import PrepareDatasetSettings
from everloop.sql import open_database
from everloop.stores.batches import BatchStore
from everloop.stores.datasets import DatasetStore
from everloop.stores.work import WorkStore
from everloop.training.dataset import create_rows, prepare, select_batches, training_profile
from everloop.training.search import plan_trials


@cache
def lake() -> S3ObjectStore:
    return S3ObjectStore(PrepareDatasetSettings.from_env().lake_bucket)


def lambda_handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    annotate_trace(model=event["model"], run_id=event["run_id"])
    request = TrainingRequest.model_validate(event)
    definition = load_definition(request.model)
    batches = BatchStore(lake())
    selection = select_batches(definition, list(batches.reports(request.model)), request.as_of)
    with tempfile.TemporaryDirectory() as folder, open_database(Path(folder)) as connection:
        files = [Path(folder) / f"{number:06}.parquet" for number in range(len(selection.reports))]
        for report, path in zip(selection.reports, files, strict=True):
            batches.download_rows(request.model, report.batch_id, path)
        manifest = create_rows(connection, definition, selection, files)
        version = DatasetStore(lake()).save(manifest)
        compiled = compile_features(definition)
        dataset = prepare(connection, definition, compiled, manifest)
        work = WorkStore(lake(), request.model, request.run_id)
        work.write("features.onnx", compiled.to_onnx().SerializeToString(deterministic=True))
        work.write("profile.json", training_profile(connection, compiled).to_json())
        work.write("request.json", request.model_dump_json().encode())
        work.write("dataset.npz", dataset.to_npz())
    return {"dataset_version": version, "rows": manifest.rows, "trials": plan_trials(definition)}
