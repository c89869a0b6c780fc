"""A faithful Lambda runtime: each Python function runs in its own process under AWS's own `awslambdaric`.

MiniStack's worker for Python is a small script of its own, and differs from Lambda where it matters here: every
exception becomes `Runtime.HandlerError` (so Step Functions cannot retry or catch by name), a handled error kills the
warm process, and memory has no limit. MiniStack also serves the real Lambda Runtime API, for `provided.*` functions.
So Python functions are treated as such, with awslambdaric as their bootstrap.
"""

import io
import os
import queue
import select
import stat
import sys
import sysconfig
import threading
import time
import zipfile
from contextlib import suppress
from http import HTTPStatus
from pathlib import Path
from typing import IO, Any

from ministack.core.lambda_runtime import ProvidedInitTimeout, ProvidedRuntimeError, ProvidedWorker
from ministack.services import lambda_svc

from local.cloud import bootstrap

MEMORY_POLL_S = 0.05
OUTPUT_PAUSE_S = 0.02
"""That the reader whom nobody waits for sleeps after each line: the one that has the answer reads it sooner."""
PIPE_BYTES = 64 * 1024
PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


class RuntimeClientWorker(ProvidedWorker):  # type: ignore[misc]  # ministack ships no types
    """One execution environment of a `python3.x` function."""

    def __init__(self, func_name: str, config: dict[str, Any], code_zip: bytes) -> None:
        environment = {"Variables": _variables(config)}
        super().__init__(func_name, {**config, "Environment": environment}, _with_bootstrap(code_zip))
        self._limit_bytes = int(config.get("MemorySize", 128)) * 1024 * 1024
        self._out_of_memory = False
        self._output: Output | None = None

    def _spawn(self, init_timeout: float | None = None) -> None:
        self._out_of_memory = False
        super()._spawn(init_timeout)

    def _await_init(self, init_timeout: float | None = None) -> None:
        """Called right after the process started: watch its memory, and keep the name of an error during init."""
        threading.Thread(target=self._enforce_memory_limit, args=(self._proc,), daemon=True).start()
        try:
            super()._await_init(init_timeout)
        except ProvidedInitTimeout:
            raise
        except RuntimeError as error:
            reported = self._init_error if isinstance(self._init_error, dict) else {}
            raise ProvidedRuntimeError(
                reported.get("errorMessage") or str(error), reported.get("errorType") or "Runtime.ExitError"
            ) from error

    def _build_handler_class(self, generation: int, pending: Any) -> Any:
        handler = super()._build_handler_class(generation, pending)
        return type(handler.__name__, (RuntimeApi, handler), {})

    def _pump_output(self, stream: IO[bytes], lines: "queue.Queue[str]") -> None:
        self._output = Output(stream, lines)
        self._output.read_to_the_end()

    def _drain_stderr_bounded(self, **_: float) -> Any:
        """What was printed before an answer is in the pipe when the answer is here: each call would wait for more."""
        if self._output is not None:
            self._output.read()
        return self._drain_stderr()

    def invoke(
        self, event: Any, request_id: str, *, trace_id: str | None = None, invoked_function_arn: str | None = None
    ) -> Any:
        result = super().invoke(event, request_id, trace_id=trace_id, invoked_function_arn=invoked_function_arn)
        if self._out_of_memory and result["status"] == "error":
            message = f"RequestId: {request_id} Error: Runtime exited with error: signal: killed"
            result |= {"error": message, "error_payload": {"errorMessage": message, "errorType": "Runtime.ExitError"}}
        return result

    def _enforce_memory_limit(self, process: Any) -> None:
        """Kill the process when it holds more than the function's MemorySize, as Lambda does."""
        with (
            suppress(FileNotFoundError, ProcessLookupError),
            open(f"/proc/{process.pid}/statm", "rb", buffering=0) as statm,
        ):
            while process.poll() is None:
                statm.seek(0)
                if int(statm.read().split()[1]) * PAGE_BYTES > self._limit_bytes:
                    self._out_of_memory = True
                    process.kill()
                    return
                time.sleep(MEMORY_POLL_S)


class RuntimeApi:
    """What the handler of MiniStack's Runtime API has from http.server, for the one client that it has.

    Two requests belong to each invocation, and http.server reads their headers as those of an e-mail.
    """

    disable_nagle_algorithm = True
    wbufsize = 64 * 1024  # one packet for each answer: headers and body apart meet Nagle's algorithm and stall 40 ms
    raw_requestline: bytes
    rfile: IO[bytes]

    def parse_request(self) -> bool:
        self.command, self.path, self.request_version = self.raw_requestline.decode("latin-1").split()
        self.headers = {}
        while (line := self.rfile.readline()) not in (b"\r\n", b""):
            name, _, value = line.decode("latin-1").partition(":")
            self.headers[name.title()] = value.strip()
        self.close_connection = False
        return True

    def send_response(self, code: int, message: str | None = None) -> None:
        self._headers_buffer = [f"HTTP/1.1 {code} {message or HTTPStatus(code).phrase}\r\n".encode()]


class Output:
    """The lines that a process prints, read by two threads: by one so that a full pipe never blocks the process for
    long, and by the one that has its answer.
    """

    def __init__(self, stream: IO[bytes], lines: "queue.Queue[str]") -> None:
        self._stream = stream
        self._lines = lines
        self._rest = b""
        self._lock = threading.Lock()
        os.set_blocking(stream.fileno(), False)

    def read_to_the_end(self) -> None:
        readable = select.poll()
        readable.register(self._stream, select.POLLIN)
        while self.read():
            readable.poll()
            time.sleep(OUTPUT_PAUSE_S)

    def read(self) -> bool:
        """Take what is there without waiting; whether more can come."""
        with self._lock:
            while not self._stream.closed:
                try:
                    chunk = os.read(self._stream.fileno(), PIPE_BYTES)
                except BlockingIOError:
                    return True
                if not chunk:
                    self._stream.close()
                    chunk = b"\n" if self._rest else b""
                *lines, self._rest = (self._rest + chunk).split(b"\n")
                for line in lines:
                    self._add(line.decode("utf-8", errors="replace").rstrip("\r"))
        return False

    def _add(self, line: str) -> None:
        """The newest lines are kept when nobody takes them."""
        if self._lines.full():
            with suppress(queue.Empty):
                self._lines.get_nowait()
        self._lines.put_nowait(line)


def _variables(config: dict[str, Any]) -> dict[str, str]:
    """The function's own variables and those that Lambda adds and MiniStack does not."""
    own: dict[str, str] = (config.get("Environment") or {}).get("Variables") or {}
    log_group = (config.get("LoggingConfig") or {}).get("LogGroup") or f"/aws/lambda/{config['FunctionName']}"
    paths = sysconfig.get_paths()
    return {
        "PYTHONPATH": os.pathsep.join(_layer_paths(config)),
        "TZ": ":UTC",
        **own,
        "AWS_EXECUTION_ENV": f"AWS_Lambda_{config['Runtime']}",
        "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
        "AWS_LAMBDA_LOG_GROUP_NAME": log_group,
        bootstrap.SITE_PACKAGES_VARIABLE: os.pathsep.join(dict.fromkeys([paths["purelib"], paths["platlib"]])),
    }


def _layer_paths(config: dict[str, Any]) -> list[str]:
    """Where Python finds the function's layers, in the order that Lambda gives them."""
    folders = []
    for layer in config.get("Layers") or []:
        content = lambda_svc._resolve_layer_zip(layer)
        if content:
            root = Path(lambda_svc._docker_extracted_dir(content, "layer"))  # content-addressed: extracted once
            version = f"python{sys.version_info.major}.{sys.version_info.minor}"
            folders += [str(root / "python" / "lib" / version / "site-packages"), str(root / "python")]
    return folders


def _with_bootstrap(code_zip: bytes) -> bytes:
    """The code with the executable that a `provided.*` function must bring."""
    command = f'#!/bin/sh\nexec "{sys.executable}" -S -P "{bootstrap.__file__}"\n'
    entry = zipfile.ZipInfo("bootstrap")
    entry.external_attr = (stat.S_IFREG | 0o755) << 16
    buffer = io.BytesIO(code_zip)
    with zipfile.ZipFile(buffer, "a") as archive:
        archive.writestr(entry, command)
    return buffer.getvalue()
