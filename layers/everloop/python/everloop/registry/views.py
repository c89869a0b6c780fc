"""The registry and the checks as the read API shows them."""

import json
from typing import Any, NamedTuple

from everloop.contracts.definition import Definition
from everloop.contracts.registry import parse_version
from everloop.registry.datasets import DatasetViews
from everloop.stores.checks import CheckStore
from everloop.stores.registry import ModelRegistry


class Views(NamedTuple):
    models: "ModelViews"
    datasets: DatasetViews


class ModelViews:
    def __init__(self, registry: ModelRegistry, checks: CheckStore) -> None:
        self._registry = registry
        self._checks = checks

    def model(self, definition: Definition) -> dict[str, Any]:
        aliases = self._registry.aliases(definition.name)
        return {
            "model": definition.name,
            "task": definition.task,
            "description": definition.description,
            "owner": definition.owner,
            "definition_hash": definition.hash,
            "inputs": {name: column.type for name, column in definition.inputs.items()},
            "champion": aliases.champion,
            "epoch": aliases.epoch,
            "versions": self._registry.versions(definition.name),
        }

    def versions(self, model: str) -> dict[str, Any]:
        champion = self._registry.aliases(model).champion
        return {
            "model": model,
            "versions": [
                {**self._summary(model, version), "champion": version == champion}
                for version in self._registry.versions(model)
            ],
        }

    def version(self, model: str, version: str) -> dict[str, Any]:
        number = parse_version(model, version)
        lineage = json.loads(self._registry.read(model, number, "lineage.json"))
        return {**self._summary(model, number), "lineage": lineage}

    def card(self, model: str, version: str) -> str:
        return self._registry.read(model, parse_version(model, version), "card.md").decode()

    def history(self, model: str) -> dict[str, Any]:
        return self._registry.aliases(model).model_dump(mode="json")

    def monitoring(self, model: str) -> dict[str, Any]:
        return {"model": model, "checks": [check.model_dump(mode="json") for check in self._checks.since(model)]}

    def run(self, model: str, run_id: str) -> dict[str, Any]:
        return self._registry.report(model, run_id).model_dump(mode="json")

    def _summary(self, model: str, version: int) -> dict[str, Any]:
        manifest = self._registry.manifest(model, version)
        return {
            "version": version,
            "run_id": manifest.run_id,
            "created_at": manifest.created_at.isoformat(),
            "metrics": json.loads(self._registry.read(model, version, "metrics.json"))["candidate"],
        }
