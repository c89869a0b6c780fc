"""A million requests in one worker: no errors, no growth, and the last answers as quick as the first.

The function that is deployed, in one process; what it asks of AWS is answered by in-memory stand-ins.
"""

import argparse
import gc
import os
import time
from pathlib import Path

import numpy as np
import numpy.typing as npt

from benchmarks.serving import bench_definition, bench_event, bench_rows, fitted, warm_worker
from everloop.features.compile import compile_features
from everloop.training.candidate import build_model

REQUESTS = 1_000_000
WARM_UP = 10_000
DIFFERENT = 1_000
"""Requests that are sent in turn."""
GROWTH_BAR = 0.01
SLOWING_BAR = 1.1


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--requests", type=int, default=REQUESTS, help="at least 100")
    count: int = arguments.parse_args().requests
    definition = bench_definition()
    dataset, learned = fitted(definition)
    model = build_model(learned, dataset, compile_features(definition).to_onnx())
    rows = bench_rows(np.random.default_rng(1), DIFFERENT)
    events = [bench_event([row]) for row in rows]
    milliseconds = np.ones(count)  # written once before memory is looked at: pages that are never touched take none
    errors = 0
    with warm_worker(model) as worker:
        for index in range(min(WARM_UP, count)):
            worker.handle(events[index % DIFFERENT])
        gc.collect()
        resident = _resident_bytes()
        for index in range(count):
            started = time.perf_counter()
            response = worker.handle(events[index % DIFFERENT])
            milliseconds[index] = (time.perf_counter() - started) * 1_000
            errors += response["statusCode"] != 200 or "fallback" in response["body"]
            if (index + 1) % max(1, count // 10) == 0:
                part = milliseconds[index + 1 - count // 10 : index + 1]
                told = f"p50 {np.median(part):.3f} ms, p99 {_p99(part):.3f} ms, {errors} errors"
                print(f"{index + 1:>10,}  {told}, {_resident_bytes() / 2**20:,.1f} MiB", flush=True)
    growth = _resident_bytes() / resident - 1
    slowing = _p99(milliseconds[-(count // 10) :]) / _p99(milliseconds[: count // 10])
    print(f"{'errors':<38}{errors:>8}   (bar 0)")
    print(f"{'growth of resident memory':<38}{growth:>8.2%}   (bar {GROWTH_BAR:.0%})")
    print(f"{'p99 of the last tenth by the first':<38}{slowing:>8.2f}   (bar {SLOWING_BAR})")


def _p99(times: npt.NDArray[np.float64]) -> float:
    return float(np.quantile(times, 0.99))


def _resident_bytes() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


if __name__ == "__main__":
    main()
