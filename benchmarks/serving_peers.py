"""One model over HTTP on one machine: Everloop behind the API Gateway of the local cloud, beside what others serve.

Everloop takes rows by name, judges each cell, and logs what it answered; the others take a matrix that is encoded
already. Each runs as it does by default. Prints the median of one row and of 100, answers per second with eight
clients, what one answer costs of all processors, and the memory of all processes that belong to it (PSS, so that shared
pages count once). Processor time says most where the machine has other work, too.
"""

import http.client
import json
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

import numpy as np

from benchmarks.peer_servers import REQUIREMENTS, prepare, served
from benchmarks.serving import TOML, bench_definition, bench_rows, fitted, inputs_of
from everloop.adapters.s3_objects import S3ObjectStore
from everloop.features.compile import compile_features
from everloop.registry.promotion import promote
from everloop.stores.registry import ModelRegistry
from everloop.training.candidate import build_model
from local.cloud.environment import ACCESS_KEY_ID, REGION, SECRET_ACCESS_KEY
from tests.e2e.clouds import deployed_loop, free_port
from tests.samples import NOW

CLIENTS = 8
SECONDS = 8
"""Of eight clients asking."""
ROWS = (1, 100)
ONE_ROW_BAR_MS = 8
PER_SECOND_BAR = 400


class Measured(NamedTuple):
    one_row_ms: float
    hundred_rows_ms: float
    per_second: float
    cpu_ms: float
    """Of all processes for one answer to one of eight clients."""
    memory_mib: float


def main() -> None:
    rows = {count: bench_rows(np.random.default_rng(1), count) for count in ROWS}
    definition = bench_definition()
    dataset, learned = fitted(definition)
    model = build_model(learned, dataset, compile_features(definition).to_onnx())
    print(f"{'':<12}{'1 row p50 ms':>14}{'100 rows p50 ms':>17}{'requests/s':>12}{'CPU ms':>8}{'MiB':>7}   better by")
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        ours = _everloop(folder, model, {count: json.dumps({"rows": each}).encode() for count, each in rows.items()})
        bars = f"(bars: {ONE_ROW_BAR_MS} ms, {PER_SECOND_BAR} requests/s)"
        print(f"{'everloop':<12}{_told(ours)}   {bars}")
        bodies = {
            count: json.dumps({"inputs": learned.encoder.transform(inputs_of(each)).tolist()}).encode()
            for count, each in rows.items()
        }
        for peer in REQUIREMENTS:
            port = free_port()
            with served(prepare(peer, folder, learned.estimator), port, bodies[1]) as server:
                theirs = _measure(f"http://127.0.0.1:{port}/invocations", {}, bodies, server.session)
            ratios = (
                theirs.one_row_ms / ours.one_row_ms,
                theirs.hundred_rows_ms / ours.hundred_rows_ms,
                ours.per_second / theirs.per_second,
                theirs.cpu_ms / ours.cpu_ms,
                theirs.memory_mib / ours.memory_mib,
            )
            print(f"{peer:<12}{_told(theirs)}   " + ", ".join(f"{ratio:.1f} x" for ratio in ratios))


def _told(measured: Measured) -> str:
    one, hundred, per_second, cpu, memory = measured
    return f"{one:>14.2f}{hundred:>17.2f}{per_second:>12,.0f}{cpu:>8.2f}{memory:>7,.0f}"


def _everloop(folder: Path, model: bytes, bodies: dict[int, bytes]) -> Measured:
    models = folder / "models"
    models.mkdir()
    (models / "bench.toml").write_text(TOML)
    with deployed_loop(folder, models) as loop:
        assert loop.target.cloud is not None
        os.environ |= {
            "AWS_ENDPOINT_URL": loop.target.cloud.endpoint,
            "AWS_DEFAULT_REGION": REGION,
            "AWS_ACCESS_KEY_ID": ACCESS_KEY_ID,
            "AWS_SECRET_ACCESS_KEY": SECRET_ACCESS_KEY,
        }
        registry = ModelRegistry(S3ObjectStore(loop.target.output("ModelsBucketName")))
        files = {"model.onnx": model, "lineage.json": b"{}"}
        version = registry.register("bench", "run", files, now=NOW)
        registry.change_aliases("bench", lambda aliases: promote(aliases, version, at=NOW, reason="", by="benchmark"))
        url = f"{loop.target.api_url}/models/bench/predictions"
        return _measure(url, {"x-api-key": loop.target.api_key()}, bodies, loop.target.cloud.pid)


def _measure(url: str, headers: dict[str, str], bodies: dict[int, bytes], session: int) -> Measured:
    one = _client(url, headers, bodies[1])
    hundred = _client(url, headers, bodies[100])
    one_ms, hundred_ms = _median_ms(one, 400), _median_ms(hundred, 200)
    clients = [_client(url, headers, bodies[1]) for _ in range(CLIENTS)]
    with ThreadPoolExecutor(CLIENTS) as pool:
        list(pool.map(lambda ask: _until(ask, time.monotonic() + 2), clients))  # each worker's cold start
        cpu_s = _cpu_s(session)
        started = time.monotonic()
        answers = sum(pool.map(lambda ask: _until(ask, started + SECONDS), clients))
        seconds = time.monotonic() - started
    cpu_ms = (_cpu_s(session) - cpu_s) * 1_000 / answers
    return Measured(one_ms, hundred_ms, answers / seconds, cpu_ms, _memory_mib(session))


def _client(url: str, headers: dict[str, str], body: bytes) -> Callable[[], None]:
    """Asks over a connection of its own, which is kept."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.netloc, timeout=60)
    sent = {"Content-Type": "application/json", **headers}

    def ask() -> None:
        connection.request("POST", parts.path, body, sent)
        response = connection.getresponse()
        told = response.read()
        if response.status != 200:
            raise SystemExit(f"{url}: {response.status} {told[:500].decode(errors='replace')}")

    return ask


def _median_ms(ask: Callable[[], None], turns: int) -> float:
    for _ in range(20):
        ask()
    times = []
    for _ in range(turns):
        started = time.perf_counter()
        ask()
        times.append((time.perf_counter() - started) * 1_000)
    return statistics.median(times)


def _until(ask: Callable[[], None], end: float) -> int:
    answers = 0
    while time.monotonic() < end:
        ask()
        answers += 1
    return answers


def _cpu_s(session: int) -> float:
    """Of the living processes of a session, in user and system mode."""
    ticks = sum(int(fields[11]) + int(fields[12]) for _, fields in _processes(session))
    return ticks / os.sysconf("SC_CLK_TCK")


def _memory_mib(session: int) -> float:
    kibibytes = 0
    for folder, _ in _processes(session):
        with suppress(FileNotFoundError, ProcessLookupError):
            rollup = (folder / "smaps_rollup").read_text()
            kibibytes += sum(int(line.split()[1]) for line in rollup.splitlines() if line.startswith("Pss:"))
    return kibibytes / 1024


def _processes(session: int) -> Iterator[tuple[Path, list[str]]]:
    """Each process of a session, with the fields of its `stat` from the third on (proc(5))."""
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except (FileNotFoundError, ProcessLookupError):
            continue  # it ended in the meantime
        if int(fields[3]) == session and fields[0] != "Z":
            yield stat.parent, fields


if __name__ == "__main__":
    main()
