"""What 20 row features cost: added to one prediction, beside pandas, over a million rows; and that they are the same.

`python -m benchmarks.features` prints latency, pandas and offline; with `parity` it compares DuckDB with onnxruntime on
1,000,000 values of random features. One process, one thread; contenders take turns, figures are medians.
"""

import statistics
import sys
import time
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import duckdb
import numpy as np
import onnxruntime as ort
import pandas as pd
from skl2onnx import to_onnx
from skl2onnx.common.data_types import FloatTensorType

from everloop.columns import Columns
from everloop.contracts.definition import Definition
from everloop.contracts.tasks import Task
from everloop.features.compile import CompiledFeatures, compile_features
from everloop.features.execute import read_model_inputs, read_raw_columns
from everloop.features.graph import OPSET
from everloop.training.candidate import build_model
from everloop.training.learned import fit
from everloop.training.opsets import ML_OPSET
from everloop.training.prepared import Inputs, PreparedDataset
from everloop.training.search import draw_parameters
from tests.unit.features.engines import Engines
from tests.unit.features.random_sql import RandomSql

OFFLINE_ROWS = 1_000_000
TRAINING_ROWS = 20_000
TURNS = 15
SECONDS_A_TURN = 0.1
PARITY_VALUES = 1_000_000
PARITY_FEATURES = 49  # and one that uses another
PARITY_ROWS = 100
ADDED_BAR_US = 50
PANDAS_BAR = 20

COLUMNS = {
    "booked": "timestamp",
    "at": "timestamp",
    "price": "number",
    "distance": "number",
    "weight": "number",
    "discount": "number",
    "items": "integer",
    "is_member": "boolean",
    "carrier": "category",
    "origin": "category",
    "note": "text",
}
_DATA = f"""
    CREATE TABLE shipments AS
    SELECT *, price + items * 10 + weight + random() * 200 > 500 AS late
    FROM (SELECT
        TIMESTAMP '2024-01-01' + to_seconds(CAST(floor(random() * 3e7) AS BIGINT)) AS booked,
        TIMESTAMP '2025-01-01' + to_seconds(CAST(floor(random() * 4e6) AS BIGINT)) AS "at",
        round(random() * 500 + 1, 2) AS price,
        CASE WHEN random() > 0.03 THEN floor(random() * 900) END AS distance,
        exp(random() * 5 - 2) AS weight,
        CASE WHEN random() > 0.3 THEN floor(random() * 40) END AS discount,
        CAST(floor(random() * 50) AS BIGINT) AS items,
        random() > 0.4 AS is_member,
        ['post', 'bike', 'van', 'ship'][1 + CAST(floor(random() * 4) AS INTEGER)] AS carrier,
        ['Oslo', 'BERGEN', 'Bodø', 'Alta', NULL][1 + CAST(floor(random() * 5) AS INTEGER)] AS origin,
        ['URGENT: call', 'leave at the door', 'fragile', NULL][1 + CAST(floor(random() * 4) AS INTEGER)] AS note
    FROM range({OFFLINE_ROWS}))
"""
_DAY = 86_400
ALGORITHM = "hist-gradient-boosting"
_TREES, _PLAIN, _MERGED = "trees alone, on a ready matrix", "11 columns", "11 columns and 20 features"


class Feature(NamedTuple):
    sql: str
    pandas: Callable[[pd.DataFrame], Any]


def _clock(moments: pd.Series) -> Any:
    return moments.dt.hour + moments.dt.minute / 60.0


FEATURES: dict[str, Feature] = {
    "clock": Feature("hour(at) + minute(at) / 60.0", lambda f: _clock(f["at"])),
    "is_weekend": Feature("dayofweek(at) IN (0, 6)", lambda f: f["at"].dt.day_of_week.isin([5, 6])),
    "quarter_booked": Feature("quarter(booked)", lambda f: f["booked"].dt.quarter),
    "lead_days": Feature(
        "date_diff('day', booked, at)",
        lambda f: (f["at"].dt.normalize() - f["booked"].dt.normalize()).dt.total_seconds() / _DAY,
    ),
    "waited": Feature("epoch(at) - epoch(booked)", lambda f: (f["at"] - f["booked"]).dt.total_seconds()),
    "log_price": Feature("ln(price)", lambda f: np.log(f["price"])),
    "price_per_km": Feature("price / nullif(distance, 0)", lambda f: f["price"] / f["distance"].replace(0, np.nan)),
    "total": Feature("price * items", lambda f: f["price"] * f["items"]),
    "saved": Feature("price * discount / 100", lambda f: f["price"] * f["discount"] / 100),
    "root": Feature("sqrt(weight)", lambda f: np.sqrt(f["weight"])),
    "rounded": Feature("floor(weight * 10) / 10", lambda f: np.floor(f["weight"] * 10) / 10),
    "dozens": Feature("items // 12", lambda f: f["items"] // 12),
    "odd": Feature("items % 2", lambda f: f["items"] % 2),
    "wave": Feature(
        "sin(hour(at) * 0.2617993877991494)", lambda f: np.sin(f["at"].dt.hour * 0.2617993877991494).round(9)
    ),
    "heavy": Feature("weight > 20 AND NOT is_member", lambda f: (f["weight"] > 20) & ~f["is_member"]),
    "size": Feature(
        "CASE WHEN weight < 1 THEN 0 WHEN weight < 10 THEN 1 ELSE 2 END",
        lambda f: np.select([f["weight"] < 1, f["weight"] < 10], [0, 1], 2),
    ),
    "known_discount": Feature("coalesce(discount, 0)", lambda f: f["discount"].fillna(0)),
    "near": Feature("price BETWEEN 10 AND 100", lambda f: f["price"].between(10, 100)),
    "is_urgent": Feature(
        "coalesce(note ILIKE '%urgent%', FALSE)", lambda f: f["note"].str.contains("urgent", case=False, na=False)
    ),
    "route": Feature("carrier || '-' || coalesce(origin, '?')", lambda f: f["carrier"] + "-" + f["origin"].fillna("?")),
}


def main() -> None:
    if "parity" in sys.argv[1:]:
        parity()
        return
    connection = duckdb.connect()
    connection.execute("SET threads = 1")
    connection.execute("SELECT setseed(0.5)")
    connection.execute(_DATA)
    connection.execute(f"CREATE TABLE training AS FROM shipments LIMIT {TRAINING_ROWS}")
    connection.execute("CREATE TABLE one_row AS FROM shipments LIMIT 1")
    latency(connection)
    beside_pandas(connection)
    offline(connection)


def latency(connection: duckdb.DuckDBPyConnection) -> None:
    plain, _ = _models(connection, define({}))
    merged, trees = _models(connection, _with_features())
    row = read_raw_columns(connection, "one_row", compile_features(_with_features()))
    width = trees.get_inputs()[0].shape[1]
    contenders: dict[str, Callable[[], object]] = {
        _TREES: partial(trees.run, None, {"matrix": np.zeros((1, width), np.float32)}),
        _PLAIN: partial(plain.run, None, {i.name: row[i.name] for i in plain.get_inputs()}),
        _MERGED: partial(merged.run, None, row),
    }
    turns = _take_turns(contenders)
    print("one row, µs")
    for label in contenders:
        print(f"  {label:<44}{_median(turns, label):>8.1f}")
    for label in (_PLAIN, _TREES):
        added = statistics.median(turn[_MERGED] - turn[label] for turn in turns)
        print(f"  {f'more than {label}':<44}{added:>8.1f}   bar <= {ADDED_BAR_US}")


def beside_pandas(connection: duckdb.DuckDBPyConnection) -> None:
    compiled = compile_features(_with_features())
    graph = compiled.to_onnx()
    session = _session(graph.SerializeToString())
    _check_pandas(connection, compiled, session)
    columns = read_raw_columns(connection, "one_row", compiled)
    frame = connection.execute("SELECT * FROM one_row").df()
    contenders: dict[str, Callable[[], object]] = {
        "graph": partial(session.run, None, columns),
        "pandas": partial(_in_pandas, frame),
    }
    turns = _take_turns(contenders)
    ratios = [turn["pandas"] / turn["graph"] for turn in turns]
    print(f"20 features of one row, µs ({len(graph.graph.node)} nodes)")
    for label in contenders:
        print(f"  {label:<44}{_median(turns, label):>8.1f}")
    print(f"  {'ratio':<44}{statistics.median(ratios):>8.1f}   min {min(ratios):.1f}, bar >= {PANDAS_BAR}")


def offline(connection: duckdb.DuckDBPyConnection) -> None:
    compiled = compile_features(_with_features())
    select = ", ".join(f"{compiled.select_sql[name]} AS {name}" for name in FEATURES)
    seconds = []
    for _ in range(3):
        started = time.perf_counter()
        connection.execute(f"CREATE OR REPLACE TEMP TABLE computed AS SELECT {select} FROM shipments")
        seconds.append(time.perf_counter() - started)
    print(f"{OFFLINE_ROWS:,} rows × {len(FEATURES)} features in DuckDB, one thread: {statistics.median(seconds):.2f} s")


def parity() -> None:
    engines, compared, filled, different, seed = Engines(), 0, 0, 0, 0
    started = time.perf_counter()
    while compared < PARITY_VALUES:
        source = RandomSql(seed)
        features, rows = source.features(PARITY_FEATURES), source.rows(PARITY_ROWS)
        answers = engines(features, rows)
        for name, row, duckdb_value, onnx_value in answers.differences():
            different += 1
            print(f"seed {seed}: {features.get(name)} over {rows[row]}: {duckdb_value!r} and {onnx_value!r}")
        compared += len(features) * len(rows)
        filled += answers.filled(features)
        seed += 1
    elapsed = time.perf_counter() - started
    print(f"{compared:,} values of {seed * (PARITY_FEATURES + 1):,} random features, {filled / compared:.0%} not null")
    print(f"{different} differences between DuckDB and onnxruntime, bar 0; {elapsed:.0f} s")


def define(features: dict[str, str]) -> Definition:
    return Definition.model_validate(
        {
            "name": "bench",
            "task": "binary-classification",
            "data": {"target": "late"},
            "columns": {"late": "boolean", **COLUMNS},
            "features": features,
        }
    )


def _with_features() -> Definition:
    return define({name: feature.sql for name, feature in FEATURES.items()})


def _models(
    connection: duckdb.DuckDBPyConnection, definition: Definition
) -> tuple[ort.InferenceSession, ort.InferenceSession]:
    """The model as it would be served, and its trees alone."""
    compiled = compile_features(definition)
    read = read_model_inputs(connection, "training", compiled)
    inputs = Inputs(read.numbers, read.texts)
    target = np.asarray(connection.execute("SELECT late FROM training").fetchnumpy()["late"], np.float64)
    nothing: Columns = {}
    dataset = PreparedDataset(
        task=Task.BINARY,
        classes=[False, True],
        dataset_version="bench",
        number_names=list(compiled.numbers),
        text_names=list(compiled.texts),
        inputs=inputs,
        target=target,
        holdout_rows=1,
        holdout_raw=nothing,
        holdout_time=np.array([np.nan]),
        holdout_batch=np.array([0]),
        batches=["bench"],
        split_id="bench",
        probes=inputs[:1],
        probes_raw=nothing,
    )
    parameters = draw_parameters(ALGORITHM, draw=0, seed=0)
    learned = fit(ALGORITHM, parameters, dataset, slice(None), seed=0)
    trees = to_onnx(
        learned.estimator,
        initial_types=[("matrix", FloatTensorType([None, learned.estimator.n_features_in_]))],
        options={id(learned.estimator): {"zipmap": False}},
        target_opset={"": OPSET, "ai.onnx.ml": ML_OPSET},
    )
    model = build_model(learned, dataset, compiled.to_onnx())
    return _session(model), _session(trees.SerializeToString())


def _session(model: bytes) -> ort.InferenceSession:
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1  # as in a Lambda
    return ort.InferenceSession(model, options, providers=["CPUExecutionProvider"])


def _in_pandas(frame: pd.DataFrame) -> dict[str, Any]:
    return {name: feature.pandas(frame) for name, feature in FEATURES.items()}


def _check_pandas(
    connection: duckdb.DuckDBPyConnection, compiled: CompiledFeatures, session: ort.InferenceSession
) -> None:
    """Both contenders do the same work."""
    answers = dict(
        zip(["numbers", "texts"], session.run(None, read_raw_columns(connection, "training", compiled)), strict=True)
    )
    for name, values in _in_pandas(connection.execute("SELECT * FROM training").df()).items():
        if name in compiled.texts:
            np.testing.assert_array_equal(answers["texts"][:, compiled.texts.index(name)], values)
        else:
            expected = np.asarray(values, np.float64).astype(np.float32)
            np.testing.assert_allclose(answers["numbers"][:, compiled.numbers.index(name)], expected, rtol=1e-6)


def _take_turns(contenders: dict[str, Callable[[], object]]) -> list[dict[str, float]]:
    """Median µs of a call, by contender, in each turn."""
    for call in contenders.values():
        _median_us(call)
    return [{label: _median_us(call) for label, call in contenders.items()} for _ in range(TURNS)]


def _median_us(call: Callable[[], object]) -> float:
    times: list[float] = []
    end = time.perf_counter() + SECONDS_A_TURN
    while time.perf_counter() < end:
        started = time.perf_counter()
        call()
        times.append(time.perf_counter() - started)
    return statistics.median(times) * 1e6


def _median(turns: list[dict[str, float]], label: str) -> float:
    return statistics.median(turn[label] for turn in turns)


if __name__ == "__main__":
    main()
