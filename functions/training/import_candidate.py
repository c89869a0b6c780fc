"""Make a candidate of a model that was trained elsewhere, and measure that it answers as its file does."""

import hashlib
from functools import cache
from typing import Any

import onnx

from everloop.adapters.definitions import load_definition
from everloop.adapters.observability import annotate_trace
from everloop.adapters.s3_objects import S3ObjectStore
from everloop.contracts.imports import model_key
from everloop.contracts.registry import TrainingRequest
from everloop.settings import ImportCandidateSettings
from everloop.stores.work import WorkStore
from everloop.training.importing.candidate import import_candidate
from everloop.training.importing.opening import check_size
from everloop.training.importing.reference import REFERENCE, ReferenceRows
from everloop.training.prepared import PreparedDataset


@cache
def parts() -> tuple[S3ObjectStore, S3ObjectStore]:
    settings = ImportCandidateSettings.from_env()
    return S3ObjectStore(settings.landing_bucket), S3ObjectStore(settings.lake_bucket)


def lambda_handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    annotate_trace(model=event["model"], run_id=event["run_id"])
    landing, lake = parts()
    work = WorkStore(lake, event["model"], event["run_id"])
    asked = TrainingRequest.model_validate_json(work.read("request.json")).imported
    assert asked, "the workflow sends nothing else here"
    reference, key = work.find(REFERENCE), model_key(event["model"], asked.sha256)
    check_size(landing.size(key))
    candidate = import_candidate(
        landing.get(key).body,
        asked,
        PreparedDataset.from_npz(work.read("dataset.npz")),
        onnx.load_from_string(work.read("features.onnx")),
        load_definition(event["model"]),
        reference=ReferenceRows.from_npz(reference) if reference else None,
    )
    work.write_all(candidate.to_files())
    sha256 = hashlib.sha256(candidate.model).hexdigest()
    return {
        "algorithm": candidate.algorithm,
        "parity_difference": candidate.parity_difference,
        "sha256": {"model.onnx": sha256, "judged.onnx": sha256},
    }
