"""The registry and the checks as the read API shows them."""

import json
from collections.abc import Iterable
from typing import Any, NamedTuple

from everloop.contracts.base import Contract
from everloop.contracts.definition import Definition
from everloop.contracts.registry import RunReport, parse_version
from everloop.errors import NotFoundError
from everloop.registry.datasets import DatasetViews
from everloop.registry.moments import parse_moment
from everloop.stores.checks import CheckStore
from everloop.stores.registry import ModelRegistry

RUNS = 500
"""Reports that are listed at most: a year and more of daily training."""


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
            "traffic": _document(aliases.traffic),
            "epoch": aliases.epoch,
            "versions": self._registry.versions(definition.name),
        }

    def versions(self, model: str) -> dict[str, Any]:
        aliases = self._registry.aliases(model)
        challenger = aliases.traffic.challenger if aliases.traffic else None
        return {
            "model": model,
            "versions": [
                {
                    **self._summary(model, version),
                    "champion": version == aliases.champion,
                    "challenger": version == challenger,
                }
                for version in self._registry.versions(model)
            ],
        }

    def version(self, model: str, version: str) -> dict[str, Any]:
        number = parse_version(model, version)
        lineage = json.loads(self._registry.read(model, number, "lineage.json"))
        files = self._registry.manifest(model, number).files
        return {**self._summary(model, number), "lineage": lineage, "files": files, "plots": _plots(files)}

    def card(self, model: str, version: str) -> str:
        return self._registry.read(model, parse_version(model, version), "card.md").decode()

    def plot(self, model: str, version: str, name: str) -> str:
        """SVG; raises NotFoundError that lists what there is."""
        number = parse_version(model, version)
        known = _plots(self._registry.manifest(model, number).files)
        if name not in known:
            there = f"it has {', '.join(known)}" if known else "it has none"
            raise NotFoundError(f"version {number} of {model!r} has no plot {name[:80]!r}; {there}")
        return self._registry.read(model, number, name).decode()

    def history(self, model: str) -> dict[str, Any]:
        return self._registry.aliases(model).model_dump(mode="json")

    def champion_at(self, model: str, at: str) -> dict[str, Any]:
        """Who was champion at a moment, by which change, and until when; nulls before the first and after the last.

        And the experiment that ran beside, if any.
        """
        moment = parse_moment("at", at)
        aliases = self._registry.aliases(model)
        change = aliases.change_at(moment)
        epoch = change.epoch if change else 0
        following = next((later for later in aliases.history[epoch:] if later.action != "traffic"), None)
        return {
            "model": model,
            "at": moment.isoformat(),
            "champion": change.champion if change else None,
            "change": _document(change),
            "traffic": _document(aliases.traffic_at(moment)),
            "until": following.at.isoformat() if following else None,
        }

    def monitoring(self, model: str) -> dict[str, Any]:
        return {"model": model, "checks": [check.model_dump(mode="json") for check in self._checks.since(model)]}

    def runs(self, model: str) -> dict[str, Any]:
        """The newest of the ended runs, oldest first: what compares them, without their trials."""
        return {"model": model, "runs": [_compared(report) for report in self._registry.reports(model, newest=RUNS)]}

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


def _document(contract: Contract | None) -> dict[str, Any] | None:
    return contract.model_dump(mode="json") if contract else None


def _plots(files: Iterable[str]) -> list[str]:
    return sorted(name for name in files if name.endswith(".svg"))


def _compared(report: RunReport) -> dict[str, Any]:
    chosen = report.chosen
    return {
        **report.model_dump(mode="json", exclude={"model", "trials", "gates", "chosen_trial"}),
        "parameters": chosen.parameters if chosen else {},
        "trials": len(report.trials),
        "gates_failed": [gate.name for gate in report.gates if not gate.passed],
    }
