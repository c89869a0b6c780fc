"""The bill of materials has what CycloneDX 1.6 requires, and tells the truth."""

import hashlib
import json
import re
from collections.abc import Iterator
from importlib.metadata import version
from typing import Any

import pytest

from everloop.contracts.tasks import Task
from everloop.training.artifacts import version_files
from everloop.training.evaluation import evaluate
from tests.samples import CLASSES, REQUEST, example, prepared, profile_of
from tests.unit.training.conftest import fitted

TYPES = {"application", "data", "library", "machine-learning-model"}
"""Of those that the schema knows."""
REQUIRED = {"application": {"type", "name"}, "data": {"type", "name", "data"}, "library": {"type", "name", "purl"}}
TOLD = {"intended_use": "Plan repairs.", "limits": ["Axial pumps only."], "owner": "ann@example.com"}


def bom_of(algorithm: str = "logistic-regression", task: Task = Task.BINARY, **sections: Any) -> Any:
    dataset, candidate = prepared(task, rows=1_400, holdout_rows=1_000), fitted(algorithm, task)
    definition = example(task, **TOLD | sections)
    evaluation = evaluate(candidate, dataset, definition, None)
    files = version_files(definition, REQUEST, candidate, evaluation, dataset, profile=profile_of(dataset))
    assert files["model.onnx"] == candidate.model
    return json.loads(files["mlbom.json"])


def components(bom: Any) -> Iterator[dict[str, Any]]:
    yield from bom["metadata"]["tools"]["components"]
    yield bom["metadata"]["component"]
    yield from bom["components"]


@pytest.mark.parametrize("task", CLASSES)
def test_it_has_what_the_specification_requires(task: Task) -> None:
    bom = bom_of("ridge" if task is Task.REGRESSION else "logistic-regression", task)
    assert (bom["bomFormat"], bom["specVersion"], bom["version"]) == ("CycloneDX", "1.6", 1)
    assert re.fullmatch(r"urn:uuid:[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", bom["serialNumber"])
    for component in components(bom):
        assert component["type"] in TYPES
        assert component.keys() >= REQUIRED.get(component["type"], {"type", "name", "modelCard"})
        assert all(re.fullmatch("[0-9a-f]{64}", each["content"]) for each in component.get("hashes", []))
    for metric in bom["metadata"]["component"]["modelCard"]["quantitativeAnalysis"]["performanceMetrics"]:
        assert all(isinstance(metric[name], str) for name in ("type", "value"))


def test_every_reference_leads_to_a_component() -> None:
    bom = bom_of()
    refs = [component["bom-ref"] for component in components(bom) if "bom-ref" in component]
    assert len(set(refs)) == len(refs)
    for dependency in bom["dependencies"]:
        assert {dependency["ref"], *dependency.get("dependsOn", [])} <= set(refs)
    [dataset] = bom["metadata"]["component"]["modelCard"]["modelParameters"]["datasets"]
    assert dataset["ref"] in refs


def test_the_model_is_told_with_its_hash_its_purpose_and_its_metrics() -> None:
    model = bom_of()["metadata"]["component"]
    sha256 = hashlib.sha256(fitted("logistic-regression", Task.BINARY).model).hexdigest()
    assert model["hashes"] == [{"alg": "SHA-256", "content": sha256}]
    assert (model["name"], model["version"], model["authors"]) == ("example", "run-1", [{"name": "ann@example.com"}])
    card = model["modelCard"]
    assert card["considerations"] == {"useCases": ["Plan repairs."], "technicalLimitations": ["Axial pumps only."]}
    assert card["modelParameters"]["architectureFamily"] == "logistic-regression"
    assert [each["format"] for each in card["modelParameters"]["inputs"]] == ["a: number", "b: number", "c: category"]
    told = card["quantitativeAnalysis"]["performanceMetrics"]
    assert [each["type"] for each in told[:3]] == ["roc_auc", "log_loss", "accuracy"]
    assert all(each["slice"] for each in told[3:])
    assert {"name": "roc.svg"} in card["quantitativeAnalysis"]["graphics"]["collection"]


def test_what_is_not_declared_is_not_told() -> None:
    model = bom_of(intended_use="", limits=[], owner="")["metadata"]["component"]
    assert model["modelCard"]["considerations"] == {}
    assert "authors" not in model


def test_the_libraries_are_those_that_are_installed() -> None:
    found = {each["name"]: each["version"] for each in bom_of()["components"] if each["type"] == "library"}
    assert found["scikit-learn"] == version("scikit-learn")
    assert not any("xgboost" in name for name in found), "this model was fitted without it"
    fitted_by_xgboost = [each["name"] for each in bom_of("xgboost")["components"]]
    assert any("xgboost" in name for name in fitted_by_xgboost)


def test_the_dataset_is_a_component_with_its_batches() -> None:
    [dataset] = [each for each in bom_of()["components"] if each["type"] == "data"]
    assert dataset["version"] == "dataset-1"
    properties = dataset["data"][0]["contents"]["properties"]
    assert [each["value"] for each in properties if each["name"] == "everloop:batch"] == ["batch-1", "batch-2"]
