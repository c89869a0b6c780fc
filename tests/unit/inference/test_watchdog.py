"""What takes too long is stopped, what does not is left alone, and both cost next to nothing."""

import resource
import threading
import time

import numpy as np
import onnxruntime as ort
import pytest

from everloop.errors import ModelTooSlowError, ModelUnavailableError, NotFiniteError
from everloop.inference.watchdog import Watchdog
from everloop.scorer import Scorer
from tests.failing_models import FOR_EVER, laborious_model

ONE_ROW = {"pressure": np.array([[1.0]])}


def fail_late(error: Exception) -> None:
    compute(0.05)
    raise error


def compute(cpu_s: float, *, until: ort.RunOptions | None = None) -> None:
    """Keeps this thread's processor busy, or ends when it is told to."""
    end = time.thread_time() + cpu_s
    while time.thread_time() < end and not (until and until.terminate):
        pass


def test_a_model_that_computes_for_ever_is_stopped() -> None:
    scorer, watchdog = Scorer(laborious_model(steps=FOR_EVER)), Watchdog()
    for seconds in (0.05, 0.1):
        with (
            pytest.raises(ModelTooSlowError, match=f"within {1000 * seconds:g} ms"),
            watchdog.limit(seconds) as options,
        ):
            scorer.run(ONE_ROW, options)
    with watchdog.limit(60) as options:
        assert not options.terminate, "each run has options of its own"


def test_it_is_stopped_when_it_has_computed_for_the_time_allowed() -> None:
    """By this thread's own clock, since a busy machine gives it less; a look may come half of the time late."""
    watchdog = Watchdog()
    for _ in range(5):
        begun = time.thread_time()
        with pytest.raises(ModelTooSlowError), watchdog.limit(0.1) as options:
            compute(10, until=options)
        assert 0.05 <= time.thread_time() - begun <= 0.2


def test_a_short_limit_holds_though_a_long_one_was_given_just_before() -> None:
    watchdog = Watchdog()
    with watchdog.limit(60):
        compute(0.001)
    begun = time.thread_time()
    with pytest.raises(ModelTooSlowError), watchdog.limit(0.05) as options:
        compute(10, until=options)
    assert time.thread_time() - begun < 1


def test_what_ends_in_time_is_left_alone() -> None:
    watchdog = Watchdog()
    for _ in range(20):
        with watchdog.limit(0.5) as options:
            compute(0.001)
        assert not options.terminate


def test_a_stalled_machine_is_no_slow_model() -> None:
    watchdog = Watchdog()
    with watchdog.limit(0.05) as options:
        threading.Event().wait(0.2)  # as long as another process has the processor
    assert not options.terminate


def test_what_ended_by_itself_but_late_was_too_slow() -> None:
    """Such as a single node of a graph, which nothing can interrupt."""
    watchdog = Watchdog()
    with pytest.raises(ModelTooSlowError), watchdog.limit(0.05):
        compute(0.1)


def test_an_error_in_time_passes_unchanged() -> None:
    watchdog = Watchdog()
    for error in (NotFiniteError("NaN"), ValueError("a bug")):
        with pytest.raises(type(error)) as caught, watchdog.limit(1):
            raise error
        assert caught.value is error


def test_a_late_failure_of_the_model_is_lateness_and_any_other_error_is_itself() -> None:
    watchdog = Watchdog()
    cause = ModelUnavailableError("terminated")
    with pytest.raises(ModelTooSlowError) as caught, watchdog.limit(0.01):
        fail_late(cause)
    assert caught.value.__cause__ is cause
    with pytest.raises(ValueError, match="a bug"), watchdog.limit(0.01):
        fail_late(ValueError("a bug"))
    with watchdog.limit(1):
        compute(0.001)


def test_one_run_at_a_time() -> None:
    watchdog = Watchdog()
    with watchdog.limit(1), pytest.raises(RuntimeError, match="one run at a time"), watchdog.limit(1):
        pass
    with watchdog.limit(1):
        pass


def test_a_hundred_thousand_limits_leave_nothing_behind_and_cost_microseconds() -> None:
    watchdog = Watchdog()
    runs = 100_000

    def limit() -> None:
        with watchdog.limit(0.1):
            pass

    for _ in range(runs // 10):
        limit()
    threads, memory_kib = threading.active_count(), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    begun = time.thread_time()
    for _ in range(runs):
        limit()
    # Generous: beside a busy neighbour, which takes cache and clock rate, the same work takes more CPU time.
    assert (time.thread_time() - begun) / runs < 30e-6
    assert threading.active_count() == threads
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - memory_kib < 4_096
