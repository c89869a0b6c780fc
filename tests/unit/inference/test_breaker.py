"""When a version is left alone, for how long, and how the other workers learn it."""

import json
from collections.abc import Callable
from datetime import datetime, timedelta

import pytest

from everloop.contracts.registry import Breaker as Resting
from everloop.errors import StorageError
from everloop.inference.breaker import FAILURES, FIRST_PAUSE_S, LONGEST_PAUSE_S, Breaker
from everloop.ports import StoredObject
from tests.fakes import FixedClock, InMemoryObjectStore
from tests.samples import NOW

KEY = "pump/breaker.json"


class Board(InMemoryObjectStore):
    """Counts what it is asked, and can be away."""

    def __init__(self) -> None:
        super().__init__()
        self.calls = 0
        self.is_away = False

    def get(self, key: str) -> StoredObject:
        self._called()
        return super().get(key)

    def put(self, key: str, body: bytes) -> None:
        self._called()
        super().put(key, body)

    def _called(self) -> None:
        self.calls += 1
        if self.is_away:
            raise StorageError("S3 is away")

    def resting(self) -> list[int]:
        return sorted(Resting.model_validate_json(self.objects[KEY]).resting)


class Workers:
    """That share a board and a clock."""

    def __init__(self) -> None:
        self.board, self.clock = Board(), FixedClock(NOW)

    def hire(self) -> Breaker:
        return Breaker("pump", self.board, self.clock)

    def wait(self, seconds: float) -> None:
        self.clock.advance(timedelta(seconds=seconds))


@pytest.fixture
def workers() -> Workers:
    return Workers()


def fail(breaker: Breaker, times: int = FAILURES, version: int = 2) -> None:
    for _ in range(times):
        breaker.failed(version, "too slow")


def end_of_rest(breaker: Breaker, version: int = 2) -> datetime:
    rest = breaker.rest_of(version)
    assert rest, "it may be asked"
    return rest.until


def test_three_failures_in_a_row_rest_a_version_for_thirty_seconds(workers: Workers) -> None:
    breaker = workers.hire()
    fail(breaker, 2)
    assert breaker.rest_of(2) is None
    fail(breaker, 1)
    assert end_of_rest(breaker) == NOW + timedelta(seconds=30)
    assert breaker.rest_of(1) is None, "another version is another matter"
    workers.wait(FIRST_PAUSE_S - 0.001)
    assert breaker.rest_of(2)
    workers.wait(0.001)
    assert breaker.rest_of(2) is None


def test_a_success_between_failures_begins_the_count_anew(workers: Workers) -> None:
    breaker = workers.hire()
    for _ in range(5):
        fail(breaker, 2)
        breaker.succeeded(2)
    assert breaker.rest_of(2) is None
    assert KEY not in workers.board.objects


def test_each_failure_after_a_pause_doubles_the_next_one_up_to_five_minutes(workers: Workers) -> None:
    breaker = workers.hire()
    fail(breaker)
    pauses = []
    for _ in range(6):
        pauses.append((end_of_rest(breaker) - workers.clock.now()).total_seconds())
        workers.wait(pauses[-1])
        assert breaker.rest_of(2) is None, "the pause ends by itself, and one request tries"
        fail(breaker, 1)
    assert pauses == [30, 60, 120, 240, LONGEST_PAUSE_S, LONGEST_PAUSE_S]


def test_a_version_that_healed_is_written_off_the_board_and_starts_anew(workers: Workers) -> None:
    breaker = workers.hire()
    fail(breaker)
    fail(breaker, version=1)
    workers.wait(FIRST_PAUSE_S)
    breaker.succeeded(2)
    assert workers.board.resting() == [1]
    fail(breaker, 2)
    assert breaker.rest_of(2) is None


def test_a_version_that_answers_long_after_its_rest_is_forgotten(workers: Workers) -> None:
    breaker = workers.hire()
    fail(breaker)
    workers.wait(FIRST_PAUSE_S + LONGEST_PAUSE_S)
    breaker.succeeded(2)
    assert workers.board.resting() == []
    fail(breaker, 2)
    assert breaker.rest_of(2) is None


def test_who_meets_one_failure_learns_what_the_others_found(workers: Workers) -> None:
    first, second = workers.hire(), workers.hire()
    fail(first)
    assert second.rest_of(2) is None, "it has not met any"
    fail(second, 1)
    assert end_of_rest(second) == end_of_rest(first)
    workers.wait(FIRST_PAUSE_S)
    fail(second, 1)
    fail(first, 1)
    assert end_of_rest(first) == end_of_rest(second) == workers.clock.now() + timedelta(seconds=60)


def test_nothing_is_read_or_written_while_nothing_fails(workers: Workers) -> None:
    breaker = workers.hire()
    for _ in range(100):
        assert breaker.rest_of(2) is None
        breaker.succeeded(2)
        workers.wait(1)
    assert workers.board.calls == 0


def test_a_resting_version_costs_no_call_either(workers: Workers) -> None:
    breaker = workers.hire()
    fail(breaker)
    calls = workers.board.calls
    for _ in range(20):
        assert breaker.rest_of(2)
        workers.wait(1)
    assert workers.board.calls == calls


def test_while_s3_is_away_each_worker_finds_it_out_itself(workers: Workers) -> None:
    workers.board.is_away = True
    breaker = workers.hire()
    fail(breaker)
    assert breaker.rest_of(2)
    workers.wait(FIRST_PAUSE_S)
    breaker.succeeded(2)
    assert breaker.rest_of(2) is None


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"damaged",
        b"[]",
        b'{"resting": {"x": 1}}',
        b'{"resting": {"2": {"until": "9999-01-01T00:00:00Z", "pause_s": 30, "reason": "?"}}}',
        b'{"resting": {"2": {"until": "2026-03-01T00:00:00Z", "pause_s": 30, "reason": "?"}}}',
    ],
    ids=["empty", "damaged", "a list", "no version", "for ever", "long over"],
)
def test_a_board_that_cannot_be_believed_changes_nothing(workers: Workers, body: bytes) -> None:
    workers.board.objects[KEY] = body
    breaker = workers.hire()
    fail(breaker, 2)
    assert breaker.rest_of(2) is None
    fail(breaker, 1)
    assert end_of_rest(breaker) == NOW + timedelta(seconds=30)


def test_a_rest_that_was_long_ago_says_nothing_about_today(workers: Workers) -> None:
    breaker = workers.hire()
    fail(breaker)
    workers.wait(FIRST_PAUSE_S + LONGEST_PAUSE_S)
    breaker.failed(2, "the first one in minutes")
    assert (end_of_rest(breaker) - workers.clock.now()).total_seconds() == FIRST_PAUSE_S


def test_the_board_forgets_what_was_long_ago(workers: Workers) -> None:
    breaker = workers.hire()
    for version in range(1, 50):
        fail(breaker, version=version)
        workers.wait(60)
    assert workers.board.resting() == [44, 45, 46, 47, 48, 49]
    assert len(workers.board.objects[KEY]) < 1_000


def test_a_long_reason_is_cut(workers: Workers) -> None:
    breaker = workers.hire()
    for _ in range(FAILURES):
        breaker.failed(2, "x" * 100_000)
    assert len(json.loads(workers.board.objects[KEY])["resting"]["2"]["reason"]) == 300


def test_workers_that_write_at_once_lose_words_and_no_more(workers: Workers) -> None:
    """Both have read the empty board before either writes."""
    first, second = workers.hire(), workers.hire()
    fail(first, 2)
    put = workers.board.put

    def later(act: Callable[[], None]) -> Callable[[str, bytes], None]:
        def put_after(key: str, body: bytes) -> None:
            workers.board.put = put  # type: ignore[method-assign]
            act()
            put(key, body)

        return put_after

    workers.board.put = later(lambda: fail(second, version=1))  # type: ignore[method-assign]
    fail(first, 1)
    assert workers.board.resting() == [2], "the word about version 1 is lost"
    assert second.rest_of(1), "and who wrote it still knows"
    workers.wait(FIRST_PAUSE_S)
    fail(second, 1, version=1)
    assert workers.board.resting() == [1, 2], "and tells it when it happens again"
