"""The files that make a version: an MLflow model directory with metrics, lineage and a card people can read."""

import json
from typing import Any

from everloop.contracts.definition import Definition
from everloop.contracts.registry import TrainingRequest
from everloop.features.profile import Profile
from everloop.ids import code_version
from everloop.training.candidate import Candidate
from everloop.training.card import write_card
from everloop.training.evaluation import Evaluation
from everloop.training.mlbom import write_mlbom
from everloop.training.mlflow_directory import mlflow_files
from everloop.training.plots import draw_plots
from everloop.training.prepared import PreparedDataset


def version_files(
    definition: Definition,
    request: TrainingRequest,
    candidate: Candidate,
    evaluation: Evaluation,
    dataset: PreparedDataset,
    *,
    profile: bytes,
) -> dict[str, bytes]:
    window = definition.training.window
    lineage = {
        "model": definition.name,
        "run_id": request.run_id,
        "reason": request.reason,
        "requested_by": request.requested_by,
        "as_of": request.as_of.isoformat(),
        "dataset_version": dataset.dataset_version,
        "since": None if window is None else (request.as_of - window).isoformat(),
        "timestamp": definition.data.timestamp,
        "batches": dataset.batches,
        "split_id": dataset.split_id,
        "definition_hash": definition.hash,
        "code_version": code_version(),
        "algorithm": candidate.algorithm,
        "parameters": candidate.parameters,
        "choice": candidate.choice,
        "seed": definition.training.seed,
        "judged_on_unseen_rows": "unknown" if candidate.imported else "yes",
    }
    if candidate.imported:
        lineage["imported"] = {**candidate.imported, "by": request.requested_by}
    plots = draw_plots(evaluation.metrics)
    return {
        "model.onnx": candidate.model,
        "judged.onnx": candidate.judged,
        "metrics.json": _json(evaluation.metrics),
        "lineage.json": _json(lineage),
        "profile.json": profile,
        "card.md": write_card(definition, lineage, evaluation, plots).encode(),
        "mlbom.json": _json(
            write_mlbom(definition, lineage, evaluation.metrics, model=candidate.model, plots=list(plots))
        ),
        **mlflow_files(definition, candidate.model, request, Profile.from_json(profile)),
        **{name: plot.svg.encode() for name, plot in plots.items()},
    }


def _json(document: Any) -> bytes:
    return json.dumps(document, indent=1, sort_keys=True).encode()
