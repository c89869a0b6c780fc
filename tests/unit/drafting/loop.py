"""What becomes of a draft: its file is delivered under it, and a candidate is trained on the accepted rows."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from everloop.contracts.batches import BatchReport
from everloop.contracts.datasets import build_manifest
from everloop.contracts.definition import Definition
from everloop.contracts.s3_events import CreatedObject
from everloop.features.compile import compile_features
from everloop.ingestion.ingestion import Ingestion, Outcome
from everloop.sql import open_database
from everloop.stores.batches import BatchStore
from everloop.stores.predictions import PredictionLog
from everloop.training.candidate import Candidate, fit_candidate
from everloop.training.dataset import prepare, read_columns
from everloop.training.halving import best_trial, plan_trials
from everloop.training.prepared import PreparedDataset
from everloop.training.rows import create_rows
from everloop.training.search import run_trial
from everloop.validation.validation import Validation
from tests.fakes import InMemoryEventBus, InMemoryObjectStore

NOW = datetime(2026, 11, 1, tzinfo=UTC)


@dataclass
class Loop:
    definition: Definition
    landing: InMemoryObjectStore = field(default_factory=InMemoryObjectStore)
    lake: InMemoryObjectStore = field(default_factory=InMemoryObjectStore)
    events: InMemoryEventBus = field(default_factory=InMemoryEventBus)

    @property
    def batches(self) -> BatchStore:
        return BatchStore(self.lake)

    def upload(self, path: Path) -> BatchReport:
        key = f"uploads/{self.definition.name}/{path.name}"
        self.landing.objects[key] = path.read_bytes()
        ingestion = Ingestion(
            landing=lambda _: self.landing,
            batches=self.batches,
            events=self.events,
            definition_of=lambda _: self.definition,
        )
        ingested = ingestion.ingest(CreatedObject("landing", key, "v1", path.stat().st_size, NOW))
        assert ingested.outcome is Outcome.STAGED, ingested
        validation = Validation(
            batches=self.batches,
            predictions=PredictionLog(self.lake),
            events=self.events,
            definition_of=lambda _: self.definition,
        )
        return validation.validate(self.definition.name, ingested.batch_id)

    def train(self, folder: Path, *, trials: int = 1) -> tuple[Candidate, dict[str, float]]:
        """A candidate, and the metrics of its best trial."""
        compiled = compile_features(self.definition)
        dataset = self._prepare(folder)
        results = [run_trial(trial, dataset, self.definition) for trial in plan_trials(self.definition)[:trials]]
        best = best_trial(results, self.definition.metric)
        candidate = fit_candidate(best["algorithm"], best["parameters"], dataset, compiled.to_onnx(), self.definition)
        return candidate, {"value": best["value"], "rows": float(np.size(dataset.target))}

    def _prepare(self, folder: Path) -> PreparedDataset:
        compiled = compile_features(self.definition)
        reports = self.batches.reports(self.definition.name)
        selection, manifest = build_manifest(self.definition, reports, as_of=NOW)
        files = [folder / f"{number:06}.parquet" for number in range(len(manifest.batches))]
        for batch, path in zip(manifest.batches, files, strict=True):
            self.batches.download_rows(self.definition.name, batch.batch_id, path)
        with open_database(folder) as database:
            create_rows(database, self.definition, selection, files)
            columns = read_columns(database, self.definition, compiled)
            return prepare(database, self.definition, compiled, manifest, columns)
