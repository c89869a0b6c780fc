"""How long the local cloud takes to come up, and what answers through its API Gateway cost.

Prints seconds of `everloop up` from nothing, with nothing changed, and after `down`; then latency and throughput of
predictions over HTTP, one client and eight, beside a request that never reaches a function.
"""

import os
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from local.loop import Loop
from local.project import Project
from local.target import Target
from tests.e2e.clouds import free_port

MODEL = "flight-delay"
ROW = {
    "scheduled_departure": "2013-07-01T18:00:00Z",
    "carrier": "UA",
    "origin": "EWR",
    "dest": "SFO",
    "distance": 2565,
    "planned_minutes": 190,
    "departures_that_hour": 21,
    "temp": 84.0,
}
REQUESTS = 400


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        os.environ["EVERLOOP_HOME"] = str(Path(folder) / "home")
        port = str(free_port())
        try:
            first = _seconds("up", "--port", port)
            unchanged = _seconds("up", "--port", port)
            down = _seconds("down")
            again = _seconds("up", "--port", port)
            print(f"{'everloop up, from nothing':<36}{first:>8.1f} s")
            print(f"{'everloop up, nothing changed':<36}{unchanged:>8.1f} s   {unchanged / first:.2f} of the first")
            print(f"{'everloop down':<36}{down:>8.1f} s")
            print(f"{'everloop up, after down':<36}{again:>8.1f} s   {again / first:.2f} of the first")
            _answers(Loop(Target.current(Project.here())))
        finally:
            _seconds("down")


def _answers(loop: Loop) -> None:
    key, url = loop.target.api_key(), loop.target.api_url
    loop.predict(MODEL, [ROW])  # the cold start is not what is measured here
    refused = _latencies(lambda: _status(f"{url}/models/{MODEL}/predictions", {}), clients=1)
    single = _latencies(lambda: loop.predict(MODEL, [ROW]), clients=1)
    eight = _latencies(lambda: loop.predict(MODEL, [ROW]), clients=8)
    print(f"{'refused by the gateway (no key), p50':<36}{refused[0]:>8.1f} ms")
    print(f"{'one row, one client, p50':<36}{single[0]:>8.1f} ms  {single[0] / refused[0]:.1f} times that")
    print(f"{'one row, eight clients, p50':<36}{eight[0]:>8.1f} ms  {eight[1]:,.0f} requests/s")
    assert key


def _latencies(call: Callable[[], object], *, clients: int) -> tuple[float, float]:
    """Median in ms, and requests per second."""

    def timed(_: int) -> float:
        started = time.perf_counter()
        call()
        return (time.perf_counter() - started) * 1000

    started = time.perf_counter()
    with ThreadPoolExecutor(clients) as pool:
        times = list(pool.map(timed, range(REQUESTS)))
    return statistics.median(times), REQUESTS / (time.perf_counter() - started)


def _status(url: str, headers: dict[str, str]) -> int:
    request = urllib.request.Request(url, data=b"{}", headers=headers)
    try:
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=30) as response:
            return int(response.status)
    except urllib.error.HTTPError as error:
        return error.code


def _seconds(*arguments: str) -> float:
    started = time.perf_counter()
    subprocess.run([sys.executable, "-m", "local.cli", *arguments], check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - started


if __name__ == "__main__":
    main()
