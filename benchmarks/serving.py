"""What a prediction costs inside a warm worker, beside scikit-learn on the same fitted model.

One process and the function that is deployed; what it asks of AWS is answered by in-memory stand-ins. `--parts` shows
where the time goes. Then what a million of such requests cost on AWS.
"""

import argparse
import importlib
import io
import json
import math
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stdout
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from benchmarks.cost import PRICES_AS_OF, cost_of_a_million, snapshot_dollars_a_month
from everloop.adapters.api_gateway import json_body, respond
from everloop.adapters.system_clock import SystemClock
from everloop.columns import Columns
from everloop.contracts.definition import Definition, parse_definition
from everloop.contracts.rows import parse_rows
from everloop.contracts.tasks import Task
from everloop.features.compile import compile_features
from everloop.ids import new_ids
from everloop.inference.predictor import Predictor
from everloop.inference.records import message_bodies, prediction_message
from everloop.inference.rows import to_columns
from everloop.inference.versions import Versions
from everloop.registry.promotion import promote
from everloop.settings import PredictSettings
from everloop.stores.registry import ModelRegistry
from everloop.training.candidate import build_model
from everloop.training.learned import Learned, fit
from everloop.training.prepared import Inputs, PreparedDataset
from tests.fakes import InMemoryItemTable, InMemoryObjectStore
from tests.histories import no_history

NUMBERS = [f"x{index}" for index in range(18)]
TEXTS = ["plan", "region"]
TRAINING_ROWS = 20_000
PARAMETERS = {"max_iter": 100, "max_leaf_nodes": 15}


TOML = "\n".join(
    [
        'name = "bench"',
        'task = "binary-classification"',
        'data = { target = "churned" }',
        "[columns]",
        'churned = "boolean"',
        *(f'{name} = "number"' for name in NUMBERS),
        *(f'{name} = "category"' for name in TEXTS),
    ]
)


BARS_MS = {1: 0.20, 100: 1.5, 1_000: 10.0}
"""p50 of a request by its rows."""
MEMORY_GIB = 1
"""Of predict, as infra/stacks/serving.py has it."""


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--parts", action="store_true", help="where the time goes")
    with_parts = arguments.parse_args().parts
    definition = bench_definition()
    dataset, learned = fitted(definition)
    model = build_model(learned, dataset, compile_features(definition).to_onnx())
    rng = np.random.default_rng(1)
    requests = {count: bench_rows(rng, count) for count in BARS_MS}
    with warm_worker(model) as worker:
        print(f"{'rows':>6}{'Everloop p50 ms':>18}{'bar':>8}{'scikit-learn p50 ms':>22}{'ratio':>8}")
        for count, rows in requests.items():
            ours = _median_ms(partial(worker.handle, bench_event(rows)))
            theirs = _median_ms(partial(learned.predict, inputs_of(rows)))
            print(f"{count:>6}{ours:>18.3f}{BARS_MS[count]:>8.2f}{theirs:>22.3f}{theirs / ours:>8.1f}")
        if with_parts:
            _print_parts(worker, definition, requests)
        for rows in (requests[1], requests[100]):
            _print_cost(worker, bench_event(rows), len(rows))
    print(f"at rest, SnapStart keeps {MEMORY_GIB} GiB for {snapshot_dollars_a_month(MEMORY_GIB):.2f} USD a month")


class Worker(NamedTuple):
    handle: Callable[[dict[str, Any]], dict[str, Any]]
    """Its prints go nowhere."""
    predictor: Predictor
    """One like the worker's own, over the same objects."""
    queue: "ForgetfulQueue"


class ForgetfulQueue:
    """Keeps the newest message alone: a worker of a million requests shall not grow by them."""

    def __init__(self) -> None:
        self.newest = ""

    def send(self, body: str) -> None:
        self.newest = body

    def begin(self, body: str) -> Callable[[], None]:
        return partial(self.send, body)


@contextmanager
def warm_worker(model: bytes) -> Iterator[Worker]:
    """functions/inference/predict.py as Lambda calls it, with `model` deployed as TOML describes it."""
    clock = SystemClock()
    objects = InMemoryObjectStore()
    registry = ModelRegistry(objects)
    version = registry.register("bench", "run", {"model.onnx": model, "lineage.json": b"{}"}, now=clock.now())
    registry.change_aliases("bench", lambda aliases: promote(aliases, version, at=clock.now(), reason="", by="me"))
    queue = ForgetfulQueue()
    predict = vars(importlib.import_module("functions.inference.predict"))
    predict["HurriedObjects"] = lambda *_: objects
    predict["HurriedItems"] = lambda *_: InMemoryItemTable(clock)
    predict["HurriedQueue"] = lambda *_: queue
    os.environ |= PredictSettings(models_bucket="", prediction_queue_url="", history_table="").to_env()
    versions = Versions(objects, clock, timedelta(seconds=1))
    with tempfile.TemporaryDirectory() as folder:
        write_definitions(Path(folder))
        sys.path.insert(0, folder)

        def handle(event: dict[str, Any]) -> dict[str, Any]:
            with redirect_stdout(io.StringIO()):
                response: dict[str, Any] = predict["lambda_handler"](event, None)
            return response

        yield Worker(handle, Predictor(versions, no_history(clock), lambda _: None), queue)
        sys.path.remove(folder)


def write_definitions(folder: Path) -> None:
    """The layer of definitions, as a package in `folder`."""
    package = folder / "everloop_models"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "bench.toml").write_text(TOML)


def bench_event(rows: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "httpMethod": "POST",
        "resource": "/models/{model}/predictions",
        "headers": {"Content-Type": "application/json"},
        "pathParameters": {"model": "bench"},
        "body": json.dumps({"rows": rows}),
        "requestContext": {},
    }


def _print_parts(worker: Worker, definition: Definition, requests: dict[int, list[dict[str, Any]]]) -> None:
    """Each part alone; the last line is what the whole takes beside them."""
    table: dict[str, list[float]] = {}
    for rows in requests.values():
        event = bench_event(rows)
        now = SystemClock().now()
        ids = new_ids(now, len(rows))
        answer = worker.predictor.predict(definition, rows, ids)
        message = prediction_message(definition, answer, ids, now=now)
        response = json.loads(worker.handle(event)["body"])
        columns = _median_ms(partial(to_columns, rows, definition))
        predict = _median_ms(partial(worker.predictor.predict, definition, rows, ids))
        parts = {
            "read JSON": _median_ms(partial(json_body, event)),
            "judge the body": _median_ms(partial(parse_rows, {"rows": rows}, definition)),
            "judge and type the cells": columns,
            "ask rules and model": predict - columns,
            "make ids": _median_ms(partial(new_ids, now, len(rows))),
            "make the log message": _median_ms(partial(prediction_message, definition, answer, ids, now=now)),
            "write the log message": _median_ms(lambda message=message: list(message_bodies(message))),  # type: ignore[misc]
            "write the answer": _median_ms(partial(respond, response)),
        }
        parts["metrics, and the rest"] = _median_ms(partial(worker.handle, event)) - sum(parts.values())
        for name, milliseconds in parts.items():
            table.setdefault(name, []).append(milliseconds)
    print(f"\n{'p50 ms of':<28}" + "".join(f"{count:>9} rows" for count in requests))
    for name, row in table.items():
        print(f"{name:<28}" + "".join(f"{milliseconds:>14.3f}" for milliseconds in row))


def _print_cost(worker: Worker, event: dict[str, Any], count: int) -> None:
    handler_ms = _median_ms(partial(worker.handle, event))
    printed = io.StringIO()
    with redirect_stdout(printed):
        vars(importlib.import_module("functions.inference.predict"))["lambda_handler"](event, None)
    lines = cost_of_a_million(
        handler_ms=handler_ms,
        memory_gib=MEMORY_GIB,
        message_bytes=len(worker.queue.newest.encode()),
        log_bytes=len(printed.getvalue().encode()),
    )
    total = math.fsum(line.dollars for line in lines)
    print(f"\na million requests of {count} row(s), us-east-1, list prices of {PRICES_AS_OF}: {total:.2f} USD,")
    print(f"{total / count:.2f} USD for a million predictions")
    for line in lines:
        print(f"  {line.name:<20}{line.dollars:>8.2f}")


def bench_definition() -> Definition:
    return parse_definition(TOML, source="bench.toml")


def fitted(definition: Definition) -> tuple[PreparedDataset, Learned]:
    rng = np.random.default_rng(0)
    inputs = inputs_of(bench_rows(rng, TRAINING_ROWS))
    target = (np.nan_to_num(inputs.numbers[:, 0]) + rng.normal(size=TRAINING_ROWS) > 0).astype(np.float64)
    nothing: Columns = {}
    dataset = PreparedDataset(
        task=Task.BINARY,
        classes=[False, True],
        dataset_version="bench",
        number_names=NUMBERS,
        text_names=TEXTS,
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
    return dataset, fit("hist-gradient-boosting", PARAMETERS, dataset, slice(None), seed=0)


def bench_rows(rng: np.random.Generator, count: int) -> list[dict[str, Any]]:
    numbers = rng.normal(size=(count, len(NUMBERS))).round(3)
    plans, regions = rng.choice(["free", "pro", "team"], count), rng.choice(["north", "south", "east"], count)
    return [
        {**dict(zip(NUMBERS, values, strict=True)), "plan": str(plan), "region": str(region)}
        for values, plan, region in zip(numbers.tolist(), plans, regions, strict=True)
    ]


def inputs_of(rows: list[dict[str, Any]]) -> Inputs:
    return Inputs(
        np.array([[row[name] for name in NUMBERS] for row in rows], dtype=np.float32),
        np.array([[row[name] for name in TEXTS] for row in rows], dtype=np.str_),
    )


def _median_ms(call: Callable[[], object], runs: int = 200) -> float:
    for _ in range(10):
        call()
    times = []
    for _ in range(runs):
        started = time.perf_counter()
        call()
        times.append((time.perf_counter() - started) * 1000)
    return statistics.median(times)


if __name__ == "__main__":
    main()
