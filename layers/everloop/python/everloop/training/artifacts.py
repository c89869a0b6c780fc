"""The files that make a version: an MLflow model directory with metrics, lineage and a card people can read."""

import json
from typing import Any

import onnx

from everloop import __version__
from everloop.contracts.definition import ColumnType, Definition
from everloop.contracts.registry import TrainingRequest
from everloop.training.candidate import Candidate
from everloop.training.evaluation import Evaluation
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
    return {
        "model.onnx": candidate.model,
        "judged.onnx": candidate.judged,
        "MLmodel": _json(_mlmodel(definition, candidate, request)),
        "metrics.json": _json(evaluation.metrics),
        "lineage.json": _json(lineage),
        "profile.json": profile,
        "card.md": _card(definition, lineage, evaluation).encode(),
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


def _card(definition: Definition, lineage: dict[str, Any], evaluation: Evaluation) -> str:
    metrics = evaluation.metrics
    names = list(metrics["candidate"])
    columns = {"this version": metrics["candidate"], "naive": metrics["baseline"]}
    if metrics["champion"]:
        columns[f"champion {metrics['champion']['version']}"] = metrics["champion"]
    rows = [f"| {name} | " + " | ".join(f"{values[name]:.4f}" for values in columns.values()) + " |" for name in names]
    gates = [f"| {gate.name} | {'passed' if gate.passed else 'REFUSED'} | {gate.detail} |" for gate in evaluation.gates]
    parameters = ", ".join(f"{name} = {value}" for name, value in lineage["parameters"].items())
    return "\n".join(
        [
            f"# {definition.name}",
            "",
            definition.description,
            "",
            f"- Task: {definition.task}; target: `{definition.data.target}`",
            f"- Owner: {definition.owner or 'not declared'}",
            f"- Algorithm: {lineage['algorithm']} ({parameters})",
            f"- Judged on {metrics['holdout_rows']:,} {'newest' if definition.holdout.by == 'time' else 'drawn'} rows "
            f"after fitting on the other {metrics['train_rows']:,}; then fitted on all of them for serving",
            f"- Dataset version `{lineage['dataset_version']}`, run `{lineage['run_id']}`, as of {lineage['as_of']}",
            f"- Why it was trained: {lineage['reason']}",
            "",
            "| metric | " + " | ".join(columns) + " |",
            "|---|" + "---|" * len(columns),
            *rows,
            "",
            "| gate | result | evidence |",
            "|---|---|---|",
            *gates,
            "",
        ]
    )
