"""What a prediction costs inside a warm worker, beside scikit-learn on the same fitted model.

One process, AWS calls replaced by the in-memory fakes: parse, validate, score, build answer and log record.
"""

import json
import statistics
import time
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from typing import Any

import numpy as np

from everloop.columns import Columns
from everloop.contracts.definition import Definition, parse_definition
from everloop.contracts.tasks import Task
from everloop.features.compile import compile_features
from everloop.ids import new_id
from everloop.inference.predictor import Predictor
from everloop.inference.service import PredictionService
from everloop.registry.promotion import promote
from everloop.stores.registry import ModelRegistry
from everloop.training.candidate import build_model
from everloop.training.learned import Learned, fit
from everloop.training.prepared import Inputs, PreparedDataset
from tests.fakes import FixedClock, InMemoryObjectStore, InMemoryQueue
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


def main() -> None:
    definition = bench_definition()
    dataset, learned = fitted(definition)
    model = build_model(learned, dataset, compile_features(definition).to_onnx())
    service = _service(model)
    rng = np.random.default_rng(1)
    print(f"{'rows':>6}{'Everloop p50 ms':>18}{'scikit-learn p50 ms':>22}{'ratio':>8}")
    for count in (1, 100, 1_000):
        rows = bench_rows(rng, count)
        body = json.dumps({"rows": rows})
        inputs = inputs_of(rows)
        ours = _median_ms(partial(_answer, service, definition, body))
        theirs = _median_ms(partial(learned.predict, inputs))
        print(f"{count:>6}{ours:>18.3f}{theirs:>22.3f}{theirs / ours:>8.1f}")


def bench_definition() -> Definition:
    return parse_definition(TOML, source="bench.toml")


def _answer(service: PredictionService, definition: Definition, body: str) -> None:
    service.answer(definition, json.loads(body))


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


def _service(model: bytes) -> PredictionService:
    clock = FixedClock()
    registry = ModelRegistry(InMemoryObjectStore())
    version = registry.register("bench", "run", {"model.onnx": model, "lineage.json": b"{}"}, now=clock.now())
    registry.change_aliases(
        "bench", lambda aliases: promote(aliases, version, at=clock.now(), reason="benchmark", by="benchmark")
    )
    predictor = Predictor(registry, no_history(clock), clock, aliases_max_age=timedelta(seconds=1))
    return PredictionService(predictor, InMemoryQueue(), clock, next_id=lambda: new_id(clock.now()))


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
