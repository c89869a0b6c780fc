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
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from functools import partial
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
TURNS = 5
"""All servers run all the time and are asked in turn: what else the machine has to do meets all alike."""
REQUESTS = {1: 100, 100: 40}
"""One after the other in a turn, by their rows; fewer where they take longer than SECONDS."""
SECONDS = 2
"""Of eight clients asking, in a turn."""
ONE_ROW_BAR_MS = 8
PER_SECOND_BAR = 400


class Measured(NamedTuple):
    one_row_ms: float
    hundred_rows_ms: float
    per_second: float
    cpu_ms: float
    """Of all processes for one answer to one of eight clients."""
    memory_mib: float


class Peer(NamedTuple):
    ask: Callable[[int], Callable[[], None]]
    """A client for requests of that many rows."""
    process: int


def main() -> None:
    rows = {count: bench_rows(np.random.default_rng(1), count) for count in REQUESTS}
    definition = bench_definition()
    dataset, learned = fitted(definition)
    model = build_model(learned, dataset, compile_features(definition).to_onnx())
    ours = {count: json.dumps({"rows": each}).encode() for count, each in rows.items()}
    theirs = {
        count: json.dumps({"inputs": learned.encoder.transform(inputs_of(each)).tolist()}).encode()
        for count, each in rows.items()
    }
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        peers = {"everloop": stack.enter_context(_everloop(folder, model, ours))}
        for name in REQUIREMENTS:
            port = free_port()
            server = stack.enter_context(served(prepare(name, folder, learned.estimator), port, theirs[1]))
            peers[name] = Peer(partial(_client, f"http://127.0.0.1:{port}/invocations", {}, theirs), server.process)
        for peer in peers.values():
            _measure(peer)  # starts as many workers as clients need
        turns = [{name: _measure(peer) for name, peer in peers.items()} for _ in range(TURNS)]
    _print_table(turns)


def _print_table(turns: list[dict[str, Measured]]) -> None:
    found = {
        name: Measured(*map(statistics.median, zip(*(turn[name] for turn in turns), strict=True))) for name in turns[0]
    }
    ours = found["everloop"]
    print(f"{'':<12}{'1 row p50 ms':>14}{'100 rows p50 ms':>17}{'requests/s':>12}{'CPU ms':>8}{'MiB':>7}   better by")
    for name, (one, hundred, per_second, cpu, memory) in found.items():
        told = f"{one:>14.2f}{hundred:>17.2f}{per_second:>12,.0f}{cpu:>8.2f}{memory:>7,.0f}"
        ratios = (
            one / ours.one_row_ms,
            hundred / ours.hundred_rows_ms,
            ours.per_second / per_second,
            cpu / ours.cpu_ms,
            memory / ours.memory_mib,
        )
        beside = ", ".join(f"{ratio:.1f} x" for ratio in ratios)
        bars = f"(bars: {ONE_ROW_BAR_MS} ms, {PER_SECOND_BAR} requests/s)"
        print(f"{name:<12}{told}   {bars if name == 'everloop' else beside}")


@contextmanager
def _everloop(folder: Path, model: bytes, bodies: Mapping[int, bytes]) -> Iterator[Peer]:
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
        yield Peer(partial(_client, url, {"x-api-key": loop.target.api_key()}, bodies), loop.target.cloud.pid)


def _measure(peer: Peer) -> Measured:
    medians = {count: _median_ms(peer.ask(count), requests) for count, requests in REQUESTS.items()}
    clients = [peer.ask(1) for _ in range(CLIENTS)]
    cpu_s = _cpu_s(peer.process)
    started = time.monotonic()
    with ThreadPoolExecutor(CLIENTS) as pool:
        answers = sum(pool.map(lambda ask: _until(ask, started + SECONDS), clients))
    seconds = time.monotonic() - started
    cpu_ms = (_cpu_s(peer.process) - cpu_s) * 1_000 / answers
    return Measured(medians[1], medians[100], answers / seconds, cpu_ms, _memory_mib(peer.process))


def _client(url: str, headers: dict[str, str], bodies: Mapping[int, bytes], rows: int) -> Callable[[], None]:
    """Asks over a connection of its own, which is kept."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.netloc, timeout=60)
    sent = {"Content-Type": "application/json", **headers}

    def ask() -> None:
        connection.request("POST", parts.path, bodies[rows], sent)
        response = connection.getresponse()
        told = response.read()
        if response.status != 200:
            raise SystemExit(f"{url}: {response.status} {told[:500].decode(errors='replace')}")

    return ask


def _median_ms(ask: Callable[[], None], turns: int) -> float:
    for _ in range(5):
        ask()
    times: list[float] = []
    while len(times) < turns and sum(times) < SECONDS * 1_000:
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


def _cpu_s(process: int) -> float:
    """Of a process and its living descendants, in user and system mode."""
    ticks = sum(int(fields[11]) + int(fields[12]) for fields in _family(process).values())
    return ticks / os.sysconf("SC_CLK_TCK")


def _memory_mib(process: int) -> float:
    kibibytes = 0
    for pid in _family(process):
        with suppress(FileNotFoundError, ProcessLookupError):
            rollup = Path(f"/proc/{pid}/smaps_rollup").read_text()
            kibibytes += sum(int(line.split()[1]) for line in rollup.splitlines() if line.startswith("Pss:"))
    return kibibytes / 1024


def _family(process: int) -> dict[int, list[str]]:
    """A process and its descendants, each with the fields of its `stat` from the third on (proc(5))."""
    found = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(FileNotFoundError, ProcessLookupError):  # it ended in the meantime
            found[int(stat.parent.name)] = stat.read_text().rpartition(")")[2].split()
    family, parents = {process}, {process}
    while parents:
        parents = {pid for pid, fields in found.items() if int(fields[1]) in parents}
        family |= parents
    return {pid: fields for pid, fields in found.items() if pid in family and fields[0] != "Z"}


if __name__ == "__main__":
    main()
