"""Gather the accepted rows of the training window into typed arrays, and compile the features."""

import json
import tempfile
from collections.abc import Iterable, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import duckdb

from everloop.adapters.definitions import load_definition
from everloop.adapters.observability import annotate_trace
from everloop.adapters.s3_objects import S3ObjectStore
from everloop.adapters.system_clock import SystemClock
from everloop.contracts.batches import BatchReport
from everloop.contracts.datasets import DatasetManifest, DatasetStatistics, RowTotals, Selection, build_manifest
from everloop.contracts.definition import Definition
from everloop.contracts.registry import TrainingRequest
from everloop.features.compile import compile_features
from everloop.features.history.compile import compile_history
from everloop.features.history.events import EVENTS_TABLE, create_events
from everloop.features.history.offline import add_history
from everloop.reading.accepted import download_rows
from everloop.settings import PrepareDatasetSettings
from everloop.sql import open_database
from everloop.stores.batches import BatchStore
from everloop.stores.datasets import DatasetStore
from everloop.stores.work import WorkStore
from everloop.training.dataset import prepare, profile_columns, propose_centres, read_columns, reference_profile
from everloop.training.halving import plan_search, plan_trials
from everloop.training.importing.reference import REFERENCE
from everloop.training.importing.reference_file import read_reference
from everloop.training.notes import note_columns
from everloop.training.prepared import PreparedDataset
from everloop.training.reproduction import select_again
from everloop.training.rows import ROWS_TABLE, create_rows


@cache
def parts() -> tuple[S3ObjectStore, S3ObjectStore]:
    settings = PrepareDatasetSettings.from_env()
    return S3ObjectStore(settings.landing_bucket), S3ObjectStore(settings.lake_bucket)


def lambda_handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    request = TrainingRequest.model_validate(event)
    annotate_trace(model=request.model, run_id=request.run_id)
    landing, lake = parts()
    definition = load_definition(request.model)
    compiled = compile_features(definition)
    batches, work = BatchStore(lake), WorkStore(lake, request.model, request.run_id)
    selection, manifest = _select(lake, definition, request, batches.reports(request.model))
    with tempfile.TemporaryDirectory() as folder, open_database(Path(folder)) as connection:
        files = download_rows(batches, request.model, manifest.batches, Path(folder))
        totals = _fill(connection, definition, selection, files)
        columns = read_columns(connection, definition, compiled)
        centres = batches.fix_centres(request.model, definition.hash, propose=lambda: propose_centres(columns))
        profile = profile_columns(definition, columns, centres)
        dataset = prepare(connection, definition, compiled, manifest, columns)
        if request.imported and request.imported.reference:
            told = request.imported.reference
            reference = read_reference(connection, landing, told, definition, compiled, classes=dataset.classes)
            work.write(REFERENCE, reference.to_npz())
    version = DatasetStore(lake).save(manifest, _statistics(definition, totals), profile.to_json())
    features = compiled.to_onnx(apart=request.imported is not None)
    work.write("features.onnx", features.SerializeToString(deterministic=True))
    work.write("profile.json", reference_profile(profile, compiled).to_json())
    work.write("request.json", request.model_dump_json().encode())
    work.write("dataset.npz", dataset.to_npz())
    search = None if request.imported else _plan(work, definition, dataset)
    notes = list(note_columns(definition, columns))
    return {"dataset_version": version, "rows": totals.rows, "notes": notes, "search": search}


def _statistics(definition: Definition, totals: RowTotals) -> DatasetStatistics:
    kinds = {name: column.type for name, column in definition.columns.items()}
    return DatasetStatistics(**totals.model_dump(), prepared_at=SystemClock().now(), columns=kinds)


def _plan(work: WorkStore, definition: Definition, dataset: PreparedDataset) -> dict[str, Any]:
    search = plan_search(plan_trials(definition), dataset, seed=definition.training.seed)
    work.write("plan.json", json.dumps(search).encode())  # for whoever watches the run
    return search


def _fill(
    connection: duckdb.DuckDBPyConnection, definition: Definition, selection: Selection, files: Sequence[Path]
) -> RowTotals:
    """The rows, and what they see of the past."""
    totals = create_rows(connection, definition, selection, files)
    if definition.histories:
        history = compile_history(definition)
        create_events(connection, definition, history, files, before=selection.as_of)
        add_history(connection, definition, history, rows=ROWS_TABLE, events=EVENTS_TABLE)
    return totals


def _select(
    lake: S3ObjectStore, definition: Definition, request: TrainingRequest, reports: Iterable[BatchReport]
) -> tuple[Selection, DatasetManifest]:
    if request.reproduction is None:
        return build_manifest(definition, reports, as_of=request.as_of)
    wanted = DatasetStore(lake).manifest(request.model, request.reproduction.dataset_version)
    return select_again(definition, request, wanted, reports)
