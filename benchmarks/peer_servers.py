"""Servers of others, each in an environment of its own, that answer `POST /invocations` with one fitted model."""

import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import joblib  # type: ignore[import-untyped]

from layers.build import REPOSITORY

FOLDER = REPOSITORY / ".build" / "benchmarks"
REQUIREMENTS = {
    "fastapi": ("fastapi==0.139.*", "uvicorn==0.51.*", "scikit-learn==1.9.*", "pandas==3.1.*"),
    "bentoml": ("bentoml==1.4.*", "scikit-learn==1.9.*"),
    "mlflow": ("mlflow==3.*", "scikit-learn==1.9.*", "pandas==3.*"),
}


class Server(NamedTuple):
    process: int
    """The parent of all others."""
    first_answer_s: float


def prepare(peer: str, folder: Path, estimator: Any) -> list[str]:
    """The command that serves the estimator, which is saved in `folder`; the port is its last argument."""
    python = _environment(peer, REQUIREMENTS[peer])
    script = Path(__file__).parent / "peers" / f"{peer}_serving.py"
    joblib.dump(estimator, folder / "model.joblib")
    command = [str(python), str(script), str(folder)]
    if peer == "mlflow":
        subprocess.run(command, check=True, capture_output=True)
    return command


@contextmanager
def served(command: list[str], port: int, body: bytes) -> Iterator[Server]:
    """From its first answer on, until the block ends."""
    started = time.perf_counter()
    # Without their bytecode they would start three times slower.
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "AWS_"))}
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    with subprocess.Popen([*command, str(port)], env=environment, start_new_session=True, **quiet) as running:  # type: ignore[call-overload]
        try:
            _wait_for_answer(running, port, body)
            yield Server(running.pid, time.perf_counter() - started)
        finally:
            os.killpg(running.pid, signal.SIGTERM)  # some start their servers as children


def _wait_for_answer(running: "subprocess.Popen[bytes]", port: int, body: bytes) -> None:
    request = urllib.request.Request(f"http://127.0.0.1:{port}/invocations", body, {"Content-Type": "application/json"})
    while True:
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                answer.read()
                return
        except urllib.error.HTTPError as error:
            if error.code != 503:  # which BentoML says until its workers are there
                raise SystemExit(error.read().decode()) from error
        except OSError:
            if running.poll() is not None:
                raise SystemExit(f"{running.args!r} ended before it answered") from None
        time.sleep(0.005)


def _environment(peer: str, requirements: tuple[str, ...]) -> Path:
    folder = FOLDER / f"serving-{peer}"
    python = folder / "bin" / "python"
    if not python.exists():
        uv = Path(sys.executable).with_name("uv")
        version = f"{sys.version_info.major}.{sys.version_info.minor}"
        subprocess.run([uv, "venv", "--quiet", "--python", version, str(folder)], check=True)
        subprocess.run([uv, "pip", "install", "--quiet", "--python", str(python), *requirements], check=True)
    return python
