"""Stops what takes onnxruntime too long."""

import math
import threading
import time
from types import TracebackType

import onnxruntime as ort

from everloop.errors import ModelTooSlowError, ModelUnavailableError

_OWN_SHARE = 0.5
"""Of the time allowed, what the run must have computed itself to be called slow: a machine that stalls is no model's
fault, and another one would answer no sooner."""


class Watchdog:
    """One thread that sleeps until a deadline; runs that end before it wake nobody.

    `with watchdog.limit(0.1) as options: session.run(None, inputs, options)` raises ModelTooSlowError when the run was
    stopped, or ended so late that it should have been. onnxruntime looks between two nodes of a graph whether it shall
    stop, so a single node is never cut short. One run at a time: a second one raises RuntimeError.
    """

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._limit: _Limit | None = None
        self._thread: threading.Thread | None = None
        self._wakes_at = -math.inf
        """When the thread looks next by itself: never before it runs, and not until it is told while it is idle."""

    def limit(self, seconds: float) -> "_Limit":
        return _Limit(self, seconds)

    def begin(self, limit: "_Limit", deadline: float) -> None:
        with self._changed:
            if self._limit is not None:
                raise RuntimeError("a watchdog watches one run at a time; the one before has not ended")
            self._limit = limit
            if self._thread is None:
                self._thread = threading.Thread(target=self._watch, name="watchdog", daemon=True)
                self._thread.start()
            elif deadline < self._wakes_at:
                self._changed.notify()

    def end(self) -> None:
        with self._changed:
            self._limit = None

    def _watch(self) -> None:
        with self._changed:
            while True:
                left = self._limit.look() if self._limit else None
                self._wakes_at = math.inf if left is None else time.monotonic() + left
                self._changed.wait(left)


class _Limit:
    __slots__ = ("_begun", "_cpu", "_cpu_clock", "_options", "_seconds", "_watchdog")

    def __init__(self, watchdog: Watchdog, seconds: float) -> None:
        self._watchdog = watchdog
        self._seconds = seconds
        self._options = ort.RunOptions()

    def __enter__(self) -> ort.RunOptions:
        self._cpu_clock = _cpu_clock()
        self._cpu = time.clock_gettime(self._cpu_clock)
        self._begun = time.monotonic()
        self._watchdog.begin(self, self._begun + self._seconds)
        return self._options

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._watchdog.end()
        if (error is None or isinstance(error, ModelUnavailableError)) and (
            self._options.terminate or self._is_exceeded()
        ):
            raise ModelTooSlowError(f"the model did not answer within {1000 * self._seconds:g} ms") from error

    def look(self) -> float | None:
        """Seconds until the next look; None when the run was told to stop."""
        left = self._begun + self._seconds - time.monotonic()
        if left > 0:
            return left
        if not self._is_exceeded():
            return self._seconds * (1 - _OWN_SHARE)
        self._options.terminate = True
        return None

    def _is_exceeded(self) -> bool:
        if time.monotonic() - self._begun <= self._seconds:
            return False
        return time.clock_gettime(self._cpu_clock) - self._cpu > self._seconds * _OWN_SHARE


def _cpu_clock() -> int:
    """Of this thread; where the system has none (macOS), of the process, whose only busy thread it is."""
    if hasattr(time, "pthread_getcpuclockid"):
        return time.pthread_getcpuclockid(threading.get_ident())
    return time.CLOCK_PROCESS_CPUTIME_ID
