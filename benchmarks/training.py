"""What the training workflow reaches on public data, from a definition that `everloop new` drafts.

Draft, accept, prepare, search, candidate, judgement, by the code of the functions. The data lie in a folder beside the
checkout; the flights are the demo's. `python benchmarks/training.py rentals` runs one of them.
"""

import gzip
import sys
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import duckdb

from everloop.contracts.batches import BatchReport, BatchStatus, RowCounts, Source
from everloop.contracts.datasets import DatasetManifest, build_manifest
from everloop.contracts.definition import Definition, parse_definition
from everloop.contracts.tasks import Task
from everloop.drafting.draft import draft
from everloop.drafting.render import render
from everloop.features.compile import compile_features
from everloop.features.history.compile import compile_history
from everloop.features.history.events import EVENTS_TABLE, create_events
from everloop.features.history.offline import add_history
from everloop.ids import sha256_of
from everloop.metrics import METRICS
from everloop.reading.upload import open_upload
from everloop.scorer import Scorer
from everloop.sql import open_database
from everloop.training.candidate import Candidate, fit_candidate
from everloop.training.dataset import prepare, read_columns
from everloop.training.evaluation import evaluate
from everloop.training.halving import best_trial, plan_trials
from everloop.training.learned import learn
from everloop.training.prepared import PreparedDataset
from everloop.training.rows import ROWS_TABLE, create_rows
from everloop.training.search import draw_parameters, run_trial
from everloop.validation.rows import JudgedRows
from local.demo.flights import write_month

DATA = Path(__file__).parents[2] / "shared" / "data"
NOW = datetime(2026, 1, 1, tzinfo=UTC)


class Case(NamedTuple):
    name: str
    file: str | tuple[int, ...]
    """In the folder of data, or months of flights."""
    target: str
    edits: Mapping[str, str]
    """Lines of the draft, by how they begin, and what is written instead; an empty beginning adds at the end."""
    bar: float
    task: Task | None = None
    """None: what the target's values tell."""
    later: tuple[int, ...] = ()
    """Months on which the version that would answer them is judged, instead of on the holdout."""


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
    Case(
        "rentals-ahead",
        "bike_sharing/hour.csv",
        "cnt",
        {f"{name} =": "" for name in ("weathersit", "temp", "atemp", "hum", "windspeed")},  # not known a day ahead
        55,
        task=Task.FORECASTING,
    ),
    Case(
        "retail",
        "online_retail_ii_2009_2010/online_retail_2009_2010.parquet",
        "StockCode",
        {},
        0.70,
        task=Task.RECOMMENDATION,
    ),
    Case("flights", (5, 6), "late", {}, 0.745, later=(7,)),
)


def main() -> None:
    for case in CASES:
        if sys.argv[1:] not in ([], [case.name]):
            continue
        if isinstance(case.file, str) and not DATA.exists():
            print(f"{case.name}: left out, there is no {DATA}")
            continue
        run(case)


def run(case: Case) -> None:
    started = time.perf_counter()
    with TemporaryDirectory() as temporary:
        folder = Path(temporary)
        source = _file(case.file, folder)
        definition = parse_definition(_edited(case, source), source=f"{case.name}.toml")
        dataset, candidate = _train(definition, source, folder)
        later = case.later and _judged_later(candidate, definition, _file(case.later, folder), folder)
    evaluation = evaluate(candidate, dataset, definition, None)
    metric = definition.metric
    print(f"{case.name}: {metric} {later or evaluation.metrics['candidate'][metric]:.4f}, bar {case.bar}")
    for name, metrics in evaluation.metrics["baselines"].items():
        print(f"  naive: {name} {metrics[metric]:.4f}")
    if definition.task is Task.RECOMMENDATION:
        _print_recommenders(dataset, definition)
    for start, line in case.edits.items():
        print(f"  edited: {start + ' -> ' if start else ''}{' '.join(line.splitlines())}")
    print(
        f"  {candidate.algorithm} {candidate.parameters}, {len(candidate.model) / 1024:,.0f} KiB,"
        f" one row {evaluation.metrics['latency_ms']:.3f} ms, parity {candidate.parity_difference:.1e},"
        f" {time.perf_counter() - started:.0f} s\n"
    )


def _print_recommenders(dataset: PreparedDataset, definition: Definition) -> None:
    """Each with its defaults, on the same users."""
    for algorithm in definition.algorithms:
        parameters = draw_parameters(algorithm, 0, definition.training.seed)
        learned = learn(algorithm, parameters, dataset, dataset.train_rows, seed=definition.training.seed)
        value = METRICS[definition.metric](*learned.judge(dataset, slice(dataset.train_rows.stop, None)))
        print(f"  {algorithm} {value:.4f}")


def _file(named: str | tuple[int, ...], folder: Path) -> Path:
    """A plain one."""
    if not isinstance(named, str):
        path = folder / f"flights-{'-'.join(map(str, named))}.csv"
        parts = [write_month(month, folder / f"{month}.csv").read_text("utf-8") for month in named]
        path.write_text(parts[0] + "".join(part.split("\n", 1)[1] for part in parts[1:]), "utf-8")
        return path
    file = DATA / named
    if file.suffix != ".gz":
        return file
    plain = folder / file.stem
    plain.write_bytes(gzip.decompress(file.read_bytes()))
    return plain


def _edited(case: Case, source: Path) -> str:
    toml = render(draft(case.name, source, case.target, task=case.task))
    for start, line in case.edits.items():
        old = [each for each in toml.splitlines() if each.startswith(start)] if start else []
        toml = toml.replace(old[0], line) if old else f"{toml}\n{line}\n"
    return toml


def _train(definition: Definition, source: Path, folder: Path) -> tuple[PreparedDataset, Candidate]:
    compiled = compile_features(definition)
    with open_database(folder) as connection:
        manifest = _rows(connection, definition, source, folder)
        columns = read_columns(connection, definition, compiled)
        dataset = prepare(connection, definition, compiled, manifest, columns)
    trials = []
    for trial in plan_trials(definition):
        trials.append(run_trial(trial, dataset, definition))
        print(f"  {trials[-1]['algorithm']:<24}{trials[-1]['value']:.4f}{trials[-1]['seconds']:>8.1f} s")
    best = best_trial(trials, definition.metric)
    return dataset, fit_candidate(best["algorithm"], best["parameters"], dataset, compiled.to_onnx(), definition)


def _judged_later(candidate: Candidate, definition: Definition, source: Path, folder: Path) -> float:
    with open_database(folder) as connection:
        _rows(connection, definition, source, folder)
        columns = read_columns(connection, definition, compile_features(definition))
    score = Scorer(candidate.model).score(columns)
    return METRICS[definition.metric](columns[definition.data.target][:, 0], score)


def _rows(connection: duckdb.DuckDBPyConnection, definition: Definition, source: Path, folder: Path) -> DatasetManifest:
    """Lays out the rows to train on."""
    report, rows = _accept(definition, source, folder)
    selection, manifest = build_manifest(definition, [report], as_of=NOW)
    create_rows(connection, definition, selection, [rows])
    if definition.histories:
        history = compile_history(definition)
        create_events(connection, definition, history, [rows])
        add_history(connection, definition, history, rows=ROWS_TABLE, events=EVENTS_TABLE)
    return manifest


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
