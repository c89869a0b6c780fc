"""What history features bring, whether they are served as they were trained, and what they cost.

Two public data sets (they lie in a folder beside the checkout; without it those parts are left out) and a generated one
of a million rows, by the code of the training steps, of the materialization and of the prediction function.
"""

import gzip
import json
import resource
import statistics
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import duckdb
import numpy as np

from everloop.columns import Columns
from everloop.contracts.datasets import build_manifest
from everloop.contracts.definition import Definition
from everloop.features.compile import compile_features
from everloop.features.execute import read_model_inputs
from everloop.features.history.compile import compile_history
from everloop.features.history.events import EVENTS_TABLE, create_events
from everloop.features.history.offline import add_history
from everloop.inference.rows import to_columns
from everloop.metrics import mae, r2, roc_auc
from everloop.reading.accepted import download_rows
from everloop.scorer import Scorer
from everloop.sql import open_database
from everloop.training.candidate import build_model
from everloop.training.dataset import prepare, read_columns
from everloop.training.halving import best_trial, plan_trials
from everloop.training.learned import fit
from everloop.training.prepared import PreparedDataset
from everloop.training.rows import ROWS_TABLE, create_rows
from everloop.training.search import run_trial
from tests.fakes import FixedClock
from tests.histories import HistoryWorld

DATA = Path(__file__).parents[2] / "shared" / "data"
NOW = datetime(2026, 1, 1, tzinfo=UTC)
TRIALS = 4
REPLAYED = 10_000
TOLERANCE = 1e-5
OFFLINE_ROWS = 1_000_000


class Trained(NamedTuple):
    dataset: PreparedDataset
    scores: Any
    """Of the holdout, by the ONNX model on raw columns."""


def main() -> None:
    if DATA.exists():
        registrations()
        rentals()
    else:
        print(f"left out: there is no {DATA}")
    lookup()
    offline()


def registrations() -> None:
    """AWS's synthetic registrations: without history the fraud of the newest fifth is hard to see."""
    with TemporaryDirectory() as folder:
        source = Path(folder) / "registrations.csv"
        source.write_bytes(
            gzip.decompress((DATA / "afd_registration_20k" / "registration_data_20K_minimum.csv.gz").read_bytes())
        )
        database = duckdb.connect()
        database.execute(
            "CREATE TABLE registrations AS SELECT EVENT_TIMESTAMP::TIMESTAMP AS created, ip_address AS ip,"
            f" email_address AS email, EVENT_LABEL AS label FROM read_csv('{source}') ORDER BY created"
        )
        print("registrations: AUC on the newest fifth (bar 0.985 with history)")
        for label, history in (("without history", {}), ("with history", registration_history())):
            world = HistoryWorld(registration_definition(history), Path(folder), FixedClock(NOW))
            world.accept("FROM registrations", database)
            trained = train(world, Path(folder))
            _, target = trained.dataset.holdout
            print(f"  {label:<18}{roc_auc(target, trained.scores):.4f}")
        world = HistoryWorld(registration_definition(registration_history()), Path(folder), FixedClock(NOW))
        replay(world, database)


def registration_history() -> dict[str, Any]:
    kinds: dict[str, dict[str, Any]] = {
        "registrations": {"value": "count()", "over": ["1 day", "7 days", "30 days"]},
        "frauds": {"value": "mean(label = 'fraud')", "over": ["30 days", "90 days", "365 days"], "delay": "30 days"},
        "known": {"value": "count(label)", "over": "365 days", "delay": "30 days"},
    }
    return {f"{by}_{name}": {"by": by, **kind} for by in ("ip", "email") for name, kind in kinds.items()}


def registration_definition(history: dict[str, Any]) -> Definition:
    # With a history the names themselves teach nothing more: as texts they are carried, not learned.
    kind = "text" if history else "category"
    return Definition.model_validate(
        {
            "name": "registrations",
            "task": "binary-classification",
            "data": {"target": "label", "timestamp": "created", "positive": "fraud"},
            "columns": {"created": "timestamp", "ip": kind, "email": kind, "label": "category"},
            "history": history,
            "training": {"algorithms": ["hist-gradient-boosting"], "trials": TRIALS},
        }
    )


def replay(world: HistoryWorld, database: duckdb.DuckDBPyConnection) -> None:
    """Registrations arrive week by week; each of the newest ones is asked for with what has arrived by then."""
    [(start,)] = database.execute(
        f"SELECT created FROM registrations ORDER BY created DESC LIMIT 1 OFFSET {REPLAYED - 1}"
    ).fetchall()
    weeks = [
        row[0]
        for row in database.execute(
            f"SELECT DISTINCT date_trunc('week', created) FROM registrations WHERE created >= '{start}' ORDER BY 1"
        ).fetchall()
    ]
    world.arrive(f"FROM registrations WHERE created < '{weeks[0]}'", database)
    answers: list[Columns] = []
    for week in weeks:
        world.arrive(f"FROM registrations WHERE date_trunc('week', created) = '{week}'", database)
        asked = database.execute(
            "SELECT created, ip, email FROM registrations "
            f"WHERE date_trunc('week', created) = '{week}' AND created >= '{start}' ORDER BY created"
        ).fetchall()
        rows = [{"created": created.isoformat(), "ip": ip, "email": email} for created, ip, email in asked]
        answers.append(world.served(rows).columns)
    trained = world.trained()
    different, requests = np.zeros(0, np.bool_), 0
    for name in world.definition.history_features:
        served = np.concatenate([answer[name][:, 0] for answer in answers])
        expected = np.ma.filled(trained[name].astype(np.float64), np.nan)[-len(served) :]
        off = ~np.isclose(served, expected, rtol=TOLERANCE, atol=TOLERANCE, equal_nan=True)
        different, requests = (off if not len(different) else different | off), len(served)
    values = requests * len(world.definition.history_features)
    print(f"  {requests:,} requests replayed, {values:,} values, {np.count_nonzero(different)} requests differ\n")


def rentals() -> None:
    """Bicycles rented in each hour of the fourth quarter of 2012, from what was known a day before."""
    weather = ["season", "yr", "mnth", "hr", "holiday", "weekday", "workingday", "weathersit"]
    measured = ["temp", "atemp", "hum", "windspeed"]
    lag = {"value": "last(cnt)", "over": "1 hour"}
    definition = Definition.model_validate(
        {
            "name": "rentals",
            "task": "regression",
            "data": {"target": "cnt", "timestamp": "hour"},
            "columns": {
                "hour": "timestamp",
                "cnt": "integer",
                **dict.fromkeys(weather, "integer"),
                **dict.fromkeys(measured, "number"),
            },
            "history": {
                "a_day_ago": lag | {"delay": "24 hours"},
                "a_week_ago": lag | {"delay": "168 hours"},
                "week": {"value": "mean(cnt)", "over": "7 days", "delay": "24 hours"},
                "day": {"value": "mean(cnt)", "over": "1 day", "delay": "24 hours"},
            },
            "training": {
                "algorithms": ["hist-gradient-boosting"],
                "trials": TRIALS,
                "holdout": {"by": "time", "fraction": 2168 / 17379},
            },
        }
    )
    with TemporaryDirectory() as folder:
        world = HistoryWorld(definition, Path(folder), FixedClock(NOW))
        hours = f"read_csv('{DATA / 'bike_sharing' / 'hour.csv'}')"
        columns = ", ".join(["cnt", *weather, *measured])
        world.accept(f"SELECT dteday::TIMESTAMP + to_hours(hr) AS hour, {columns} FROM {hours} ORDER BY hour")
        trained = train(world, Path(folder))
        _, target = trained.dataset.holdout
        naive = trained.dataset.holdout_raw["a_week_ago"][:, 0]
        known = ~np.isnan(naive)
        first = datetime.fromtimestamp(trained.dataset.holdout_time[0], UTC)
    print(f"rentals: the {len(target):,} hours from {first:%Y-%m-%d} on (bar: R2 0.81)")
    print(f"  a week ago        MAE {mae(target[known], naive[known]):.1f} in {np.count_nonzero(known):,} hours")
    print(f"  with history      MAE {mae(target, trained.scores):.1f}, R2 {r2(target, trained.scores):.4f}\n")


def train(world: HistoryWorld, folder: Path) -> Trained:
    """As the training workflow does: dataset, trials, the best of them fitted and merged into one graph."""
    definition = world.definition
    compiled = compile_features(definition)
    selection, manifest = build_manifest(definition, world.batches.reports(definition.name), as_of=world.clock.now())
    with open_database(folder) as connection:
        files = download_rows(world.batches, definition.name, manifest.batches, folder)
        create_rows(connection, definition, selection, files)
        if definition.history:
            history = compile_history(definition)
            create_events(connection, definition, history, files, before=selection.as_of)
            add_history(connection, definition, history, rows=ROWS_TABLE, events=EVENTS_TABLE)
        columns = read_columns(connection, definition, compiled)
        dataset = prepare(connection, definition, compiled, manifest, columns)
    trials = [trial | run_trial(trial, dataset, definition) for trial in plan_trials(definition)]
    best = best_trial(trials, definition.metric)
    seed = definition.training.seed
    learned = fit(best["algorithm"], best["parameters"], dataset, dataset.train_rows, seed=seed)
    model = build_model(learned, dataset, compiled.to_onnx())
    return Trained(dataset, Scorer(model).score(dataset.holdout_raw))


def payments_definition(features: dict[str, str]) -> Definition:
    return Definition.model_validate(
        {
            "name": "payments",
            "task": "binary-classification",
            "data": {"target": "fraud", "timestamp": "paid_at"},
            "columns": {
                "paid_at": "timestamp",
                "card": "category",
                "shop": "integer",
                "amount": "number",
                "fraud": "boolean",
            },
            "history": {
                "card_payments": {"value": "count()", "by": "card", "over": ["1 hour", "1 day", "7 days", "30 days"]},
                "card_spent": {"value": "sum(amount)", "by": "card", "over": ["1 day", "30 days"]},
                "card_frauds": {"value": "mean(fraud)", "by": "card", "over": "90 days", "delay": "30 days"},
                "shop_frauds": {"value": "mean(fraud)", "by": "shop", "over": "30 days", "delay": "30 days"},
                "shop_spread": {"value": "std(amount)", "by": "shop", "over": "7 days"},
                "shop_cards": {"value": "count_distinct(card)", "by": "shop", "over": "1 day"},
            },
            "features": features,
        }
    )


def payments(rows: int) -> str:
    """A year of them: 50,000 cards in 2,000 shops."""
    return (
        "SELECT TIMESTAMP '2025-01-01' + to_microseconds((i * 31.536e12 / "
        f"{rows})::BIGINT) AS paid_at, 'card-' || (hash(i) % 50000) AS card, (hash(i + 1) % 2000)::BIGINT AS shop,"
        f" (hash(i + 2) % 10000) / 100 AS amount, hash(i + 3) % 50 = 0 AS fraud FROM range({rows}) AS made(i)"
    )


def lookup() -> None:
    """One row of a request: keys, states unpacked, ten values; the table itself answers from memory."""
    definition = payments_definition({})
    with TemporaryDirectory() as folder:
        world = HistoryWorld(definition, Path(folder), FixedClock(NOW))
        world.arrive(payments(200_000))
        asked = (NOW - timedelta(hours=2)).isoformat()
        rows = [{"paid_at": asked, "card": f"card-{n}", "shop": n % 2000, "amount": 1.0} for n in range(1_000)]
        print("looking up ten history features (without the table's own time)")
        for count in (1, 100, 1_000):
            columns = to_columns(rows[:count], definition)
            times = []
            for _ in range(200 if count == 1 else 20):
                start = time.perf_counter()
                world.lookup.look_up(definition, columns)
                times.append(time.perf_counter() - start)
            median = statistics.median(times)
            print(f"  {count:>5} rows{median * 1e3:>10.3f} ms{median / count * 1e6:>10.1f} us a row")
        sizes = [len(item.body) for item in world.table.items.values()]
        print(f"  {len(sizes):,} entities, {statistics.median(sizes):.0f} bytes each, {max(sizes):,} at most\n")


def offline() -> None:
    """In a process of its own, so that its memory is."""
    run = subprocess.run([sys.executable, __file__, "offline"], capture_output=True, text=True, check=True)
    figures = json.loads(run.stdout)
    print(f"{OFFLINE_ROWS:,} rows for training: 10 history features and 20 row features (bar 20 s)")
    for step, seconds in figures["seconds"].items():
        print(f"  {step:<18}{seconds:>7.2f} s")
    print(f"  {'in all':<18}{sum(figures['seconds'].values()):>7.2f} s, peak {figures['mib']:,.0f} MiB")


def _offline() -> None:
    features = {f"f{n:02}": sql for n, sql in enumerate(_ROW_FEATURES)}
    definition = payments_definition(features)
    compiled, history = compile_features(definition), compile_history(definition)
    seconds: dict[str, float] = {}
    with TemporaryDirectory() as folder, open_database(Path(folder)) as connection:
        for table in (ROWS_TABLE, EVENTS_TABLE):
            connection.execute(f"CREATE TEMP TABLE {table} AS {payments(OFFLINE_ROWS)}")
        start = time.perf_counter()
        add_history(connection, definition, history, rows=ROWS_TABLE, events=EVENTS_TABLE)
        seconds["history"] = time.perf_counter() - start
        start = time.perf_counter()
        read_model_inputs(connection, ROWS_TABLE, compiled)
        seconds["row features"] = time.perf_counter() - start
    print(json.dumps({"seconds": seconds, "mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}))


_ROW_FEATURES = (
    "hour(paid_at)",
    "dayofweek(paid_at)",
    "month(paid_at)",
    "dayofyear(paid_at)",
    "minute(paid_at)",
    "ln(amount + 1)",
    "sqrt(amount)",
    "amount * amount",
    "exp(-amount / 10)",
    "floor(amount / 5)",
    "amount > 50",
    "CASE WHEN amount < 1 THEN 0 WHEN amount < 10 THEN 1 ELSE 2 END",
    "coalesce(card_spent_1d, 0) / greatest(card_payments_1d, 1)",
    "card_frauds IS NULL",
    "amount / nullif(shop_spread, 0)",
    "card_payments_1d - card_payments_1h",
    "card = 'card-7'",
    "amount BETWEEN 5 AND 10",
    "sin(hour(paid_at) / 24 * 6.283185307179586)",
    "cos(hour(paid_at) / 24 * 6.283185307179586)",
)


if __name__ == "__main__":
    _offline() if sys.argv[1:] == ["offline"] else main()
