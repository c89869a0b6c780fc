"""Fit the best trial on all training rows, and keep it as one ONNX model with its measured parity."""

import hashlib
from dataclasses import replace
from functools import cache
from typing import Any

import onnx

from everloop.adapters.definitions import load_definition
from everloop.adapters.observability import annotate_trace
from everloop.adapters.s3_objects import S3ObjectStore
from everloop.settings import FitCandidateSettings
from everloop.stores.work import WorkStore
from everloop.training.candidate import fit_candidate
from everloop.training.halving import best_trial, explain_choice
from everloop.training.prepared import PreparedDataset


@cache
def lake() -> S3ObjectStore:
    return S3ObjectStore(FitCandidateSettings.from_env().lake_bucket)


def lambda_handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    annotate_trace(model=event["model"], run_id=event["run_id"])
    definition = load_definition(event["model"])
    work = WorkStore(lake(), event["model"], event["run_id"])
    best = best_trial(event["trials"], definition.metric)
    fitted = fit_candidate(
        best["algorithm"],
        best["parameters"],
        PreparedDataset.from_npz(work.read("dataset.npz")),
        onnx.load_from_string(work.read("features.onnx")),
        definition,
    )
    candidate = replace(fitted, choice=explain_choice(event["trials"], best, definition.metric))
    work.write_all(candidate.to_files())
    return {
        "trial": best["trial"],
        "algorithm": candidate.algorithm,
        "choice": candidate.choice,
        "parity_difference": candidate.parity_difference,
        "sha256": {"model.onnx": _sha256(candidate.model), "judged.onnx": _sha256(candidate.judged)},
    }


def _sha256(body: bytes) -> str:
    return hashlib.sha256(body).hexdigest()
