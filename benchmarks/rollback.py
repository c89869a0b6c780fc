"""How soon every warm worker answers with the restored version while clients ask without a pause, and what fails.

Two versions of a small model change places through the API of the local cloud, by rollback and by promotion, while
eight clients predict. Printed for each change, in milliseconds from its request: until the API acknowledged it, until
the first answer of the new champion, and until the last answer of the old one was given. Fails if a request failed or a
fallback answered it, or if an old answer was given more than two seconds after the change was asked for.
"""

import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

from local.api import Api
from local.cloud.process_table import living_processes
from local.loop import Loop
from tests.e2e.clouds import deployed_loop
from tests.e2e.pumps import readings, request_rows, write_definition
from tests.e2e.steps import train, train_first_champion

MODEL = "pump-strain"
CLIENTS = 8
CHANGES = 10
WATCHED_S = 3.0
BOUND_S = 2.0
HANDLER = b"_HANDLER=predict.lambda_handler"
ROWS = request_rows(readings(1, seed=9))
ANY_GAIN = {"[promotion]": "[promotion]\nmust_beat_champion = false"}


class Asked(NamedTuple):
    ended: float
    status: int
    version: int | None
    answered_by: str


class Change(NamedTuple):
    action: str
    champion: int
    asked: float
    acknowledged: float


def main() -> int:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (models := folder / "models").mkdir()
        write_definition(models, MODEL, ANY_GAIN)
        with deployed_loop(folder, models) as loop:
            train_first_champion(loop, MODEL, folder)
            assert train(loop, MODEL)["version"] == 2
            with traffic(loop) as asked:
                time.sleep(WATCHED_S)  # workers start, and learn of version 2
                asked.clear()
                changes = [change(loop, number) for number in range(CHANGES)]
                workers = warm_workers(loop)
    return report(changes, asked, workers)


@contextmanager
def traffic(loop: Loop) -> Iterator[list[Asked]]:
    """Each client with a connection of its own asks for one row, again and again."""
    asked: list[Asked] = []
    enough = threading.Event()

    def ask() -> None:
        api = Api(loop.target)
        while not enough.is_set():
            answer = api.call("POST", f"/models/{MODEL}/predictions", {"rows": ROWS})
            asked.append(_asked(answer.status, answer.json()))

    with ThreadPoolExecutor(CLIENTS) as pool:
        clients = [pool.submit(ask) for _ in range(CLIENTS)]
        try:
            yield asked
        finally:
            enough.set()
    for client in clients:
        client.result()


def _asked(status: int, body: dict[str, Any]) -> Asked:
    answered_by = body["predictions"][0]["answered_by"] if status == 200 else ""
    return Asked(time.perf_counter(), status, body.get("version"), answered_by)


def warm_workers(loop: Loop) -> int:
    """Processes of the cloud that run `predict`; 0 where their environment cannot be read."""
    assert loop.target.cloud is not None
    group = loop.target.cloud.pid
    found = [Path("/proc", str(process.pid), "environ") for process in living_processes() if process.group == group]
    return sum(HANDLER in path.read_bytes().split(b"\0") for path in found if path.exists())


def change(loop: Loop, number: int) -> Change:
    """Back to version 1, or forward to version 2; then long enough that every worker should know."""
    action, body = ("rollback", {}) if number % 2 == 0 else ("promote", {"version": 2})
    asked = time.perf_counter()
    champion = loop.call("POST", f"/models/{MODEL}/{action}", body)["champion"]
    acknowledged = time.perf_counter()
    time.sleep(WATCHED_S)
    return Change(action, champion, asked, acknowledged)


def report(changes: Sequence[Change], asked: Sequence[Asked], workers: int) -> int:
    print(f"{'change':<10}{'champion':>9}{'acknowledged':>14}{'first new':>11}{'last old':>10} ms")
    last_old = []
    for one in changes:
        during = [answer for answer in asked if one.asked <= answer.ended < one.acknowledged + WATCHED_S]
        new = min(answer.ended for answer in during if answer.version == one.champion)
        old = max((answer.ended for answer in during if answer.version != one.champion), default=one.asked)
        last_old.append(old - one.asked)
        times = [(moment - one.asked) * 1000 for moment in (one.acknowledged, new, old)]
        print(f"{one.action:<10}{one.champion:>9}{times[0]:>14,.0f}{times[1]:>11,.0f}{times[2]:>10,.0f}")
    failed = [answer for answer in asked if answer.status != 200 or answer.answered_by != "model"]
    print(
        f"old answers end after: median {median(last_old):.2f} s, at most {max(last_old):.2f} s (bound {BOUND_S:g} s)"
    )
    print(f"{len(asked):,} requests of {CLIENTS} clients to {workers or 'some'} warm workers: {len(failed)} failed")
    return 1 if failed or max(last_old) > BOUND_S else 0


if __name__ == "__main__":
    sys.exit(main())
