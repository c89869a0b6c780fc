"""Datasets as the read API shows them: which there are, what is in one, how two differ, what a training would take."""

import json
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict
from typing import Any

from everloop.contracts.columns import ColumnType
from everloop.contracts.datasets import (
    DatasetManifest,
    DatasetStatistics,
    build_manifest,
    divided_batches,
    why_left_out,
)
from everloop.contracts.definition import Definition
from everloop.features.profile import Profile
from everloop.ports import Clock
from everloop.registry.moments import parse_moment
from everloop.stores.batches import BatchStore
from everloop.stores.datasets import DatasetStore
from everloop.stores.registry import LINEAGE, ModelRegistry

_DRIFT = ("statistic", "effect", "threshold", "p_value", "psi", "drifted")
"""What of a column's drift is shown."""


class DatasetViews:
    def __init__(
        self,
        *,
        datasets: DatasetStore,
        batches: BatchStore,
        registry: ModelRegistry,
        clock: Clock,
        compare: Callable[[Profile, Profile], Iterable[Any]],
    ) -> None:
        """`compare` gives a dataclass with the drift of each column from one profile to another."""
        self._datasets = datasets
        self._batches = batches
        self._registry = registry
        self._clock = clock
        self._compare = compare

    def datasets(self, model: str) -> dict[str, Any]:
        """Oldest first."""
        trained = self._trained_on(model)
        listed = [
            {**self._summary(model, version), "model_versions": trained[version]}
            for version in self._datasets.versions(model)
        ]
        return {"model": model, "datasets": sorted(listed, key=lambda dataset: str(dataset["prepared_at"]))}

    def dataset(self, model: str, version: str) -> dict[str, Any]:
        manifest = self._datasets.manifest(model, version)
        profile = Profile.from_json(self._datasets.profile(model, version))
        return {
            "version": version,
            "manifest": manifest.model_dump(mode="json"),
            "statistics": self._datasets.statistics(model, version).model_dump(mode="json"),
            "columns": profile.describe(),
        }

    def planned(self, definition: Definition, as_of: str | None, known_at: str | None) -> dict[str, Any]:
        """What a training with this `as_of` would learn from, by all that is known or was known at that moment."""
        moment = parse_moment("as_of", as_of) if as_of else self._clock.now()
        known = parse_moment("known_at", known_at) if known_at else None
        reports = list(self._batches.reports(definition.name))
        selection, manifest = build_manifest(definition, reports, as_of=moment, known_at=known)
        return {
            "model": definition.name,
            "as_of": moment.isoformat(),
            "known_at": known.isoformat() if known else None,
            "version": manifest.version,
            "exists": self._datasets.exists(definition.name, manifest.version),
            "manifest": manifest.model_dump(mode="json"),
            "timestamp": definition.data.timestamp,
            "divided": divided_batches(definition, selection),
            "left_out": [
                {"batch_id": report.batch_id, "rows": report.rows.accepted, "reason": reason}
                for report in sorted(reports, key=lambda report: (report.received_at, report.batch_id))
                if (reason := why_left_out(definition, report, as_of=moment, known_at=known))
            ],
        }

    def diff(self, model: str, one: str, other: str) -> dict[str, Any]:
        versions = (one, other)
        manifests = [self._datasets.manifest(model, version) for version in versions]
        statistics = [self._datasets.statistics(model, version) for version in versions]
        profiles = [Profile.from_json(self._datasets.profile(model, version)) for version in versions]
        return {
            "model": model,
            "from": self._summary(model, one),
            "to": self._summary(model, other),
            "batches": _batches(*manifests),
            "schema": _schema(*statistics),
            "columns": self._columns(profiles, statistics),
        }

    def _columns(self, profiles: Sequence[Profile], statistics: Sequence[DatasetStatistics]) -> list[dict[str, Any]]:
        one, other = profiles
        described = (one.describe(), other.describe())
        types = statistics[0].columns | statistics[1].columns
        shared = [name for name in one.columns if _is_comparable(one, other, name, types[name])]
        parts = [Profile(whole.rows, {name: whole.columns[name] for name in shared}) for whole in profiles]
        drifts = {drift.column: asdict(drift) for drift in self._compare(*parts)}
        return [
            {
                "column": name,
                "type": types[name],
                "from": described[0].get(name),
                "to": described[1].get(name),
                "drift": {field: drifts[name][field] for field in _DRIFT} if name in drifts else None,
            }
            for name in (one.columns | other.columns)
        ]

    def _summary(self, model: str, version: str) -> dict[str, Any]:
        manifest = self._datasets.manifest(model, version).model_dump(mode="json")
        statistics = self._datasets.statistics(model, version).model_dump(mode="json", exclude={"columns"})
        return {
            "version": version,
            "definition_hash": manifest["definition_hash"],
            "since": manifest["since"],
            "as_of": manifest["as_of"],
            "batches": len(manifest["batches"]),
            **statistics,
        }

    def _trained_on(self, model: str) -> dict[str, list[int]]:
        """Dataset version → the model's versions that learned from it."""
        trained: dict[str, list[int]] = defaultdict(list)
        for number in self._registry.versions(model):
            lineage = json.loads(self._registry.read(model, number, LINEAGE))
            trained[lineage.get("dataset_version", "")].append(number)
        return trained


def _is_comparable(one: Profile, other: Profile, name: str, kind: ColumnType) -> bool:
    """Timestamps are not compared: time moves on, and that is no drift."""
    if name not in other.columns or kind is ColumnType.TIMESTAMP:
        return False
    same_kind = type(one.columns[name]) is type(other.columns[name])
    return same_kind and one.centres.get(name) == other.centres.get(name)


def _batches(one: DatasetManifest, other: DatasetManifest) -> dict[str, Any]:
    before, after = ({batch.batch_id: batch.rows for batch in manifest.batches} for manifest in (one, other))
    return {
        "kept": len(before.keys() & after.keys()),
        "added": [{"batch_id": name, "rows": rows} for name, rows in after.items() if name not in before],
        "removed": [{"batch_id": name, "rows": rows} for name, rows in before.items() if name not in after],
    }


def _schema(one: DatasetStatistics, other: DatasetStatistics) -> dict[str, Any]:
    before, after = one.columns, other.columns
    return {
        "added": {name: kind for name, kind in after.items() if name not in before},
        "removed": {name: kind for name, kind in before.items() if name not in after},
        "changed": {
            name: {"from": before[name], "to": kind}
            for name, kind in after.items()
            if name in before and before[name] is not kind
        },
    }
