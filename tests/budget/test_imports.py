"""What a cold start costs: which modules each handler loads, and that importing it does nothing else."""

import json
import subprocess
import sys
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

from infra.config import REPOSITORY

pytestmark = pytest.mark.slow
HANDLERS = sorted((REPOSITORY / "functions").glob("*/*.py"))
PREDICT_BUDGET_S = 3.0
ATTEMPTS = 3
"""The fastest counts: this machine may be busy with something else."""

HEAVY = frozenset({"duckdb", "onnx", "pandas", "scipy", "skl2onnx", "sklearn", "sqlglot"})
ANY_RUNTIME = HEAVY | {"onnxruntime"}
BOTO = frozenset({"boto3"})
"""Which takes longer than all the rest of a cold start."""
LEARNING = frozenset({"onnxruntime", "scipy", "skl2onnx", "sklearn"})
DATABASE = frozenset({"duckdb", "sqlglot"})
"""pandas is not listed: scikit-learn imports it where it finds it, and its layer has none."""
BUDGETS = {
    "predict": HEAVY | BOTO,
    "record_outcome": ANY_RUNTIME | BOTO,
    "describe_api": HEAVY | BOTO,
    "record_events": ANY_RUNTIME,
    "read_models": ANY_RUNTIME,
    "operate_models": ANY_RUNTIME,
    "register_version": ANY_RUNTIME,
    "set_alias": ANY_RUNTIME,
    "finish_run": ANY_RUNTIME,
    "ingest_upload": LEARNING,
    "validate_batch": LEARNING,
    "materialize_history": LEARNING,
    "log_predictions": LEARNING - {"onnxruntime"},
    "check_model": LEARNING,
    "judge_traffic": LEARNING,
    "explain_prediction": LEARNING - {"onnxruntime"},
    "replay_version": LEARNING - {"onnxruntime"},
    "begin_run": ANY_RUNTIME,
    "prepare_dataset": LEARNING,
    "run_trial": DATABASE,
    "select_trials": ANY_RUNTIME,
    "fit_candidate": DATABASE,
    "import_candidate": DATABASE,
    "evaluate_candidate": DATABASE,
}
"""What a handler must not load; a new handler has to say so here."""

WATCHED_IMPORT = """
import gc, json, sys, time
name, *folders = sys.argv[1:]
sys.path[:0] = folders
noticed = []
def notice(event, arguments):
    if event == "open" and isinstance(arguments[0], str) and "__pycache__" not in arguments[0]:
        noticed.append([event, arguments[0]])
    elif event in {"socket.connect", "socket.getaddrinfo", "subprocess.Popen"}:
        noticed.append([event, repr(arguments)])
sys.addaudithook(notice)
begun = time.perf_counter()
handler = __import__(name)
seconds = time.perf_counter() - begun
made = [type(found) for found in gc.get_objects()]
clients = [kind.__name__ for kind in made if any(base.__name__ == "BaseClient" for base in kind.__mro__)]
warm = [key for key, root in vars(handler).items() if hasattr(root, "cache_info") and root.cache_info().currsize]
print(json.dumps([seconds, sorted(sys.modules), noticed, clients, warm]))
"""


@dataclass(frozen=True)
class Import:
    seconds: float
    packages: frozenset[str]
    noticed: tuple[tuple[str, str], ...]
    """Files opened, connections made and processes started."""
    clients: tuple[str, ...]
    """boto3 clients that exist afterwards."""
    warm: tuple[str, ...]
    """Cached functions that have an answer already."""


@cache
def imported(handler: Path, attempt: int = 0) -> Import:
    """Import a handler as Lambda does, as a top-level module, in a process without a single environment variable."""
    done = subprocess.run(
        [sys.executable, "-c", WATCHED_IMPORT, handler.stem, str(handler.parent)],
        cwd="/",
        env={},
        check=False,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    seconds, modules, noticed, clients, warm = json.loads(done.stdout.splitlines()[-1])
    packages = frozenset(module.split(".")[0] for module in modules)
    return Import(seconds, packages, tuple((event, what) for event, what in noticed), tuple(clients), tuple(warm))


def each_handler() -> pytest.MarkDecorator:
    return pytest.mark.parametrize("handler", HANDLERS, ids=lambda handler: str(handler.stem))


def test_every_handler_has_a_budget() -> None:
    assert sorted(BUDGETS) == sorted(handler.stem for handler in HANDLERS)


@each_handler()
def test_a_handler_loads_only_what_it_needs(handler: Path) -> None:
    assert imported(handler).packages & BUDGETS[handler.stem] == set()


@each_handler()
def test_importing_a_handler_makes_no_client_and_no_connection(handler: Path) -> None:
    found = imported(handler)
    assert found.clients == ()
    assert found.warm == (), "a composition root is built by the first event, not by the import"
    assert [event for event in found.noticed if event[0] != "open"] == []


@each_handler()
def test_importing_a_handler_reads_nothing_but_code(handler: Path) -> None:
    """Neither a definition nor a service description of botocore, which is what a client would read first."""
    read = {Path(what) for event, what in imported(handler).noticed if event == "open"}
    ours = {path for path in read if path.is_relative_to(REPOSITORY) and not path.is_relative_to(sys.prefix)}
    assert {path for path in ours if path.suffix != ".py"} == set()
    assert {path for path in read if "botocore/data" in path.as_posix()} == set()


def test_predict_is_there_soon() -> None:
    [predict] = [handler for handler in HANDLERS if handler.stem == "predict"]
    assert min(imported(predict, attempt).seconds for attempt in range(ATTEMPTS)) < PREDICT_BUDGET_S
