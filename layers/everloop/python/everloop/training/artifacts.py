"""The files that make a version: an MLflow model directory with metrics, lineage and a card people can read."""

import json
from typing import Any

import onnx

from everloop import __version__
from everloop.contracts.columns import ColumnType
from everloop.contracts.definition import Definition
from everloop.contracts.registry import TrainingRequest
from everloop.training.candidate import Candidate
from everloop.training.card import write_card
from everloop.training.evaluation import Evaluation
from everloop.training.mlbom import write_mlbom
from everloop.training.plots import draw_plots
from everloop.training.prepared import PreparedDataset

_MLFLOW_TYPES = {
    ColumnType.NUMBER: "double",
    ColumnType.INTEGER: "double",
    ColumnType.BOOLEAN: "double",
    ColumnType.TIMESTAMP: "double",
    ColumnType.CATEGORY: "string",
    ColumnType.TEXT: "string",
}
"""As the graph takes them: nulls make integers and booleans doubles; a timestamp is epoch seconds."""


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
        "code_version": __version__,
        "algorithm": candidate.algorithm,
        "parameters": candidate.parameters,
        "seed": definition.training.seed,
    }
    plots = draw_plots(evaluation.metrics)
    return {
        "model.onnx": candidate.model,
        "judged.onnx": candidate.judged,
        "MLmodel": _json(_mlmodel(definition, candidate, request)),
        "metrics.json": _json(evaluation.metrics),
        "lineage.json": _json(lineage),
        "profile.json": profile,
        "card.md": write_card(definition, lineage, evaluation, plots).encode(),
        "mlbom.json": _json(
            write_mlbom(definition, lineage, evaluation.metrics, model=candidate.model, plots=list(plots))
        ),
        **{name: plot.svg.encode() for name, plot in plots.items()},
    }


def _json(document: Any) -> bytes:
    return json.dumps(document, indent=1, sort_keys=True).encode()


def _mlmodel(definition: Definition, candidate: Candidate, request: TrainingRequest) -> dict[str, Any]:
    """JSON is YAML, so MLflow reads this as it is."""
    model_inputs = [value.name for value in onnx.load_from_string(candidate.model).graph.input]
    columns = definition.served_columns
    inputs = [{"name": name, "type": _MLFLOW_TYPES[columns[name].type], "required": True} for name in model_inputs]
    return {
        "flavors": {
            "onnx": {
                "data": "model.onnx",
                "onnx_version": onnx.__version__,
                "providers": ["CPUExecutionProvider"],
            },
            "python_function": {"data": "model.onnx", "loader_module": "mlflow.onnx", "python_version": "3.13"},
        },
        "signature": {"inputs": json.dumps(inputs)},
        "run_id": request.run_id,
        "model_uuid": request.run_id,
    }
