"""What the training workflow reaches on public data, from a definition that `everloop new` drafts.

Draft, accept, prepare, search, candidate, judgement, by the code of the functions. The data lie in a folder beside the
checkout. `python benchmarks/training.py rentals` runs one of them.
"""

import gzip
import sys
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from everloop.contracts.batches import BatchReport, BatchStatus, RowCounts, Source
from everloop.contracts.datasets import build_manifest
from everloop.contracts.definition import Definition, parse_definition
from everloop.drafting.draft import draft
from everloop.drafting.render import render
from everloop.features.compile import compile_features
from everloop.ids import sha256_of
from everloop.reading.upload import open_upload
from everloop.sql import open_database
from everloop.training.candidate import Candidate, fit_candidate
from everloop.training.dataset import prepare, read_columns
from everloop.training.evaluation import evaluate
from everloop.training.prepared import PreparedDataset
from everloop.training.rows import create_rows
from everloop.training.search import best_trial, plan_trials, run_trial
from everloop.validation.rows import JudgedRows

DATA = Path(__file__).parents[2] / "shared" / "data"
NOW = datetime(2026, 1, 1, tzinfo=UTC)


class Case(NamedTuple):
    name: str
    file: str
    target: str
    edits: Mapping[str, str]
    """Lines of the draft, by how they begin, and what is written instead; an empty beginning adds at the end."""
    bar: float


CASES = (
    Case("machine", "ai4i2020/ai4i2020.csv", "Machine failure", {}, 0.965),
    Case("credit", "uci_credit_default/UCI_Credit_Card.csv.gz", "Y", {}, 0.772),
    Case(
        "rentals",
        "bike_sharing/hour.csv",
        "cnt",
        {"": '[training]\nholdout = { by = "random" }'},
        0.945,
    ),
)


def main() -> None:
    if not DATA.exists():
        print(f"left out: there is no {DATA}")
        return
    for case in CASES:
        if sys.argv[1:] in ([], [case.name]):
            run(case)


def run(case: Case) -> None:
    started = time.perf_counter()
    with TemporaryDirectory() as temporary:
        folder = Path(temporary)
        source = _plain(DATA / case.file, folder)
        definition = parse_definition(_edited(case, source), source=f"{case.name}.toml")
        dataset, candidate = _train(definition, source, folder)
    evaluation = evaluate(candidate, dataset, definition, None)
    metric = definition.metric
    print(f"{case.name}: {metric} {evaluation.metrics['candidate'][metric]:.4f}, bar {case.bar}")
    for start, line in case.edits.items():
        print(f"  edited: {start + ' -> ' if start else ''}{' '.join(line.splitlines())}")
    print(
        f"  {candidate.algorithm} {candidate.parameters}, {len(candidate.model) / 1024:,.0f} KiB,"
        f" one row {evaluation.metrics['latency_ms']:.3f} ms, parity {candidate.parity_difference:.1e},"
        f" {time.perf_counter() - started:.0f} s\n"
    )


def _plain(file: Path, folder: Path) -> Path:
    if file.suffix != ".gz":
        return file
    plain = folder / file.stem
    plain.write_bytes(gzip.decompress(file.read_bytes()))
    return plain


def _edited(case: Case, source: Path) -> str:
    toml = render(draft(case.name, source, case.target))
    for start, line in case.edits.items():
        old = [each for each in toml.splitlines() if each.startswith(start)] if start else []
        toml = toml.replace(old[0], line) if old else f"{toml}\n{line}\n"
    return toml


def _train(definition: Definition, source: Path, folder: Path) -> tuple[PreparedDataset, Candidate]:
    compiled = compile_features(definition)
    with open_database(folder) as connection:
        report, rows = _accept(definition, source, folder)
        selection, manifest = build_manifest(definition, [report], as_of=NOW)
        create_rows(connection, definition, selection, [rows])
        columns = read_columns(connection, definition, compiled)
        dataset = prepare(connection, definition, compiled, manifest, columns)
    trials = []
    for trial in plan_trials(definition):
        trials.append(run_trial(trial, dataset, definition))
        print(f"  {trials[-1]['algorithm']:<24}{trials[-1]['value']:.4f}{trials[-1]['seconds']:>8.1f} s")
    best = best_trial(trials, definition.metric)
    return dataset, fit_candidate(best["algorithm"], best["parameters"], dataset, compiled.to_onnx(), definition)


def _accept(definition: Definition, source: Path, folder: Path) -> tuple[BatchReport, Path]:
    """As validation does, without its checks of the batch as a whole."""
    plain, reading = open_upload(source, hints=definition.data.csv, declared=list(definition.columns), folder=folder)
    accepted = folder / "000000.parquet"
    with open_database(folder) as database:
        judged = JudgedRows(database, plain, reading, definition)
        seen = judged.look({})
        judged.write_accepted(accepted, newest_only=bool(definition.data.row_id))
    report = BatchReport(
        batch_id="batch-1",
        model=definition.name,
        status=BatchStatus.ACCEPTED,
        rows=RowCounts(delivered=seen.delivered, accepted=seen.delivered),
        source=Source(bucket="landing", key="uploads/batch-1", size_bytes=1),
        rows_sha256=sha256_of(accepted),
        received_at=NOW,
        first_timestamp=datetime(2000, 1, 1, tzinfo=UTC) if definition.data.timestamp else None,
        last_timestamp=datetime(2025, 1, 1, tzinfo=UTC) if definition.data.timestamp else None,
        timestamp_column=definition.data.timestamp,
    )
    return report, accepted


if __name__ == "__main__":
    main()
