"""The bill of materials of a version: the model with its card, its dataset, and the libraries that fitted it.

CycloneDX 1.6, https://cyclonedx.org/docs/1.6/json/. It has no moment of its own, so the same run gives the same bytes.
"""

import hashlib
import uuid
from collections.abc import Iterable, Mapping
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from everloop.contracts.definition import Definition
from everloop.ids import code_version
from everloop.scorer import Scorer
from everloop.training.card import WORST_SLICES

LIBRARIES = ("numpy", "onnx", "onnxruntime", "scikit-learn", "scipy", "skl2onnx")
"""What fits, converts and judges every model."""
LIBRARIES_OF_ALGORITHMS = {"xgboost": ("xgboost-cpu", "xgboost")}
"""Beside them, whichever of these is installed."""
_MODEL, _DATASET, _ORIGINAL = "model", "dataset", "original"


def write_mlbom(
    definition: Definition,
    lineage: Mapping[str, Any],
    metrics: Mapping[str, Any],
    *,
    model: bytes,
    plots: Iterable[str] = (),
) -> dict[str, Any]:
    """`plots`: names of the files beside it. The number of the version is not known yet: the run's id stands for it."""
    parts = [_library(name) for name in _installed(lineage["algorithm"])]
    parts += [_original(lineage["imported"])] if "imported" in lineage else []
    return {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": uuid.uuid5(uuid.NAMESPACE_URL, f"{definition.name}/{lineage['run_id']}").urn,
        "version": 1,
        "metadata": {
            "tools": {"components": [{"type": "application", "name": "everloop", "version": code_version()}]},
            "component": _model(definition, lineage, metrics, model, plots),
        },
        "components": [_dataset(lineage, metrics), *parts],
        "dependencies": [
            {"ref": _MODEL, "dependsOn": [_DATASET, *(each["bom-ref"] for each in parts)]},
            *({"ref": each["bom-ref"]} for each in parts),
            {"ref": _DATASET},
        ],
    }


def _model(
    definition: Definition, lineage: Mapping[str, Any], metrics: Mapping[str, Any], model: bytes, plots: Iterable[str]
) -> dict[str, Any]:
    component = {
        "type": "machine-learning-model",
        "bom-ref": _MODEL,
        "name": definition.name,
        "version": lineage["run_id"],
        "description": definition.description,
        "hashes": [{"alg": "SHA-256", "content": hashlib.sha256(model).hexdigest()}],
        "modelCard": {
            "modelParameters": _parameters(definition, lineage, model),
            "quantitativeAnalysis": {
                "performanceMetrics": _performance(metrics),
                "graphics": {"collection": [{"name": name} for name in plots]},
            },
            "considerations": _considerations(definition),
        },
        "properties": _properties({**lineage["parameters"], "seed": lineage["seed"]}, "everloop:parameter:"),
    }
    return component | ({"authors": [{"name": definition.owner}]} if definition.owner else {})


def _parameters(definition: Definition, lineage: Mapping[str, Any], model: bytes) -> dict[str, Any]:
    columns = definition.served_columns
    return {
        "approach": {"type": "supervised"},
        "task": definition.task.value,
        "architectureFamily": lineage["algorithm"],
        "modelArchitecture": f"ONNX graph: features, {'import' if 'imported' in lineage else 'encoding, estimator'}",
        "datasets": [{"ref": _DATASET}],
        "inputs": [{"format": f"{name}: {columns[name].type}"} for name in Scorer(model).inputs],
        "outputs": [{"format": f"{definition.data.target}: {definition.columns[definition.data.target].type}"}],
    }


def _performance(metrics: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Of the whole holdout, then of the worst slices. CycloneDX has numbers as text."""
    whole = [(name, value, "", metrics["intervals"][name]) for name, value in metrics["candidate"].items()]
    worst = [
        (metrics["slices"]["metric"], part["value"], f"{part['column']}: {part['part']}", part)
        for part in metrics["slices"]["parts"][:WORST_SLICES]
    ]
    return [
        {
            "type": name,
            "value": str(value),
            "confidenceInterval": {"lowerBound": str(interval["low"]), "upperBound": str(interval["high"])},
            **({"slice": part} if part else {}),
        }
        for name, value, part, interval in whole + worst
    ]


def _considerations(definition: Definition) -> dict[str, list[str]]:
    told = {"useCases": [definition.intended_use], "technicalLimitations": list(definition.limits)}
    return {name: texts for name, texts in told.items() if any(texts)}


def _dataset(lineage: Mapping[str, Any], metrics: Mapping[str, Any]) -> dict[str, Any]:
    facts = {
        "train_rows": metrics["train_rows"],
        "holdout_rows": metrics["holdout_rows"],
        "as_of": lineage["as_of"],
        "since": lineage["since"] or "the first row",
        "definition_hash": lineage["definition_hash"],
    }
    batches = [{"name": "everloop:batch", "value": batch} for batch in lineage["batches"]]
    return {
        "type": "data",
        "bom-ref": _DATASET,
        "name": f"{lineage['model']} dataset",
        "version": lineage["dataset_version"],
        "data": [{"type": "dataset", "contents": {"properties": _properties(facts, "everloop:") + batches}}],
    }


def _original(imported: Mapping[str, Any]) -> dict[str, Any]:
    """The file that was imported; the model has features in front of it."""
    made_by = {name: imported[name] for name in ("producer", "producer_version", "opset")}
    return {
        "type": "file",
        "bom-ref": _ORIGINAL,
        "name": imported["file"],
        "hashes": [{"alg": "SHA-256", "content": imported["sha256"]}],
        "properties": _properties(made_by, "everloop:"),
    }


def _library(name: str) -> dict[str, str]:
    found = version(name)
    purl = f"pkg:pypi/{name}@{found}"
    return {"type": "library", "bom-ref": purl, "name": name, "version": found, "purl": purl}


def _installed(algorithm: str) -> list[str]:
    return [name for name in (*LIBRARIES, *LIBRARIES_OF_ALGORITHMS.get(algorithm, ())) if _is_installed(name)]


def _is_installed(name: str) -> bool:
    try:
        version(name)
    except PackageNotFoundError:
        return False
    return True


def _properties(values: Mapping[str, Any], prefix: str) -> list[dict[str, str]]:
    return [{"name": prefix + name, "value": str(value)} for name, value in values.items()]
