"""The log has each prediction once, whatever the queue does and wherever the writer dies."""

import random
import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from everloop.contracts.definition import Definition
from everloop.contracts.predictions import PredictionsMessage
from everloop.errors import StorageError
from everloop.features.compile import compile_features
from everloop.features.execute import read_model_inputs
from everloop.ids import new_ids
from everloop.inference.answer import Answer, Part
from everloop.inference.records import message_bodies, prediction_message
from everloop.inference.rows import to_columns
from everloop.monitoring.log import Message, parse_message, write_messages
from everloop.monitoring.rescoring import logged_columns
from everloop.monitoring.shadow import Challengers
from everloop.stores.predictions import FEATURE_PREFIX, INPUT_PREFIX, PredictionLog
from everloop.stores.registry import ModelRegistry
from tests import logged
from tests.fakes import InMemoryObjectStore
from tests.logged import Logged, id_of
from tests.samples import pump_failure, pump_row

DEFINITION = pump_failure(features=None)
MODEL = DEFINITION.name
NOW = datetime(2026, 3, 14, 9, 59, 58, tzinfo=UTC)
"""Two seconds before an hour ends."""


class DyingStore(InMemoryObjectStore):
    """Dies at the call that its countdown ends with: before the call has an effect, or after it."""

    def __init__(self) -> None:
        super().__init__()
        self.calls = 0
        self.dies_at: int | None = None
        self.after = False

    def _call(self, call: Callable[[], Any]) -> Any:
        self.calls += 1
        dies = self.calls == self.dies_at
        if dies and not self.after:
            raise StorageError("the writer died")
        result = call()
        if dies:
            raise StorageError("the writer died")
        return result

    def get(self, key: str) -> Any:
        return self._call(lambda: super(DyingStore, self).get(key))

    def exists(self, key: str) -> bool:
        return bool(self._call(lambda: super(DyingStore, self).exists(key)))

    def put_new(self, key: str, body: bytes) -> bool:
        return bool(self._call(lambda: super(DyingStore, self).put_new(key, body)))

    def list_keys(self, prefix: str, *, after: str = "") -> Iterator[str]:
        yield from self._call(lambda: list(super(DyingStore, self).list_keys(prefix, after=after)))


def message(*numbers: int, at: datetime = NOW, day: int = 0) -> PredictionsMessage:
    """One row for each number; the rows are of `day` days before."""
    when = (at - timedelta(days=day)).isoformat()
    rows = [Logged(id_of(number, at), when, inputs={"pump": f"P-{number}"}) for number in numbers]
    return logged.predictions(MODEL, rows, predicted_at=at.isoformat())


def write(store: InMemoryObjectStore, messages: Sequence[Message], definition: Definition = DEFINITION) -> int:
    return write_messages(messages, PredictionLog(store), lambda _: definition, Challengers(ModelRegistry(store)))


def rows_of(store: InMemoryObjectStore, folder: Path, columns: str = "prediction_id") -> list[tuple[Any, ...]]:
    """Of all files, in no order."""
    files = []
    for key in [key for key in store.objects if key.startswith("predictions/")]:
        path = folder / f"{len(files)}.parquet"
        path.write_bytes(store.objects[key])
        files.append(str(path))
    if not files:
        return []
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        query = f"SELECT {columns} FROM read_parquet($files, union_by_name = true) ORDER BY prediction_id"
        return connection.execute(query, {"files": files}).fetchall()


def ids_of(store: InMemoryObjectStore, folder: Path) -> list[str]:
    return [name for (name,) in rows_of(store, folder)]


class Queue:
    """Delivers each message until it is deleted, some of them again all the same, in any company and order."""

    def __init__(self, messages: Sequence[Message], chance: random.Random) -> None:
        self.waiting = list(messages)
        self._chance = chance
        self._gone: list[Message] = []

    def receive(self) -> list[Message]:
        again = [each for each in self._gone if self._chance.random() < 0.3]
        size = min(len(self.waiting), self._chance.randint(1, 4))
        batch = self._chance.sample(self.waiting, size) + again
        return self._chance.sample(batch, len(batch))

    def delete(self, batch: Sequence[Message]) -> None:
        self._gone += [each for each in batch if each in self.waiting]
        self.waiting = [each for each in self.waiting if each not in batch]


@pytest.mark.parametrize("seed", range(8))
def test_a_log_has_each_prediction_once_whatever_the_queue_and_the_writers_do(seed: int, tmp_path: Path) -> None:
    chance = random.Random(seed)
    messages, expected, number = [], set(), 0
    for _ in range(8):
        at = NOW + timedelta(seconds=chance.randint(0, 5))
        rows = [number := number + 1 for _ in range(chance.randint(1, 4))]
        messages.append(message(*rows, at=at, day=chance.choice([0, 0, 400])))
        expected |= {id_of(row, at) for row in rows}
    queue, store, deaths = Queue([*messages, messages[0]], chance), DyingStore(), 0
    while queue.waiting:
        batch = queue.receive()
        store.dies_at, store.after = store.calls + chance.randint(1, 8), chance.random() < 0.5
        if deaths > 30:
            store.dies_at = None
        try:
            write(store, batch)
        except StorageError:
            deaths += 1
        else:
            queue.delete(batch)
    store.dies_at = None
    assert Counter(ids_of(store, tmp_path)) == Counter(expected)
    assert deaths > 0
    assert {PredictionLog(store).find(each) for each in expected} <= {
        (MODEL, key) for key in store.objects if key.startswith("predictions/")
    }
    assert PredictionLog(store).written(MODEL, expected) == expected
    assert set(PredictionLog(store).keys_since(MODEL, NOW)) == set(store.list_keys("predictions/"))


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_a_death_at_any_call_neither_loses_nor_doubles_a_row(after: bool, tmp_path: Path) -> None:
    """Delivered again in other company: with what another writer has written, and with something new."""
    first, second, third = message(1, 2, 5), message(3, 4, day=3), message(6)
    expected = {id_of(number, NOW) for number in range(1, 7)}
    for dies_at in range(1, 100):
        store = DyingStore()
        store.dies_at, store.after = dies_at, after
        try:
            write(store, [first, second])
        except StorageError:
            store.dies_at = None
            write(store, [second])
            write(store, [third, first])
        else:
            break
        assert Counter(ids_of(store, tmp_path)) == Counter(expected), dies_at
    assert dies_at > 5


def test_the_same_batch_written_by_two_at_once_is_one_file(tmp_path: Path) -> None:
    """Both have looked before either wrote."""
    store = InMemoryObjectStore()
    log = PredictionLog(store)
    path = tmp_path / "rows.parquet"
    for content in (b"written by one", b"written by the other, which measured other latencies"):
        path.write_bytes(content)
        log.add_predictions(MODEL, NOW.date(), {id_of(1, NOW), id_of(2, NOW)}, path)
    assert len(store.objects) == 2
    assert [body for key, body in store.objects.items() if key.startswith("predictions/")] == [b"written by one"]


def test_a_prediction_is_found_by_its_id_alone() -> None:
    store = InMemoryObjectStore()
    write(store, [message(1, 3), message(2, at=NOW + timedelta(seconds=2)), message(4, day=400)])
    log = PredictionLog(store)
    [of_last_year] = [key for key in store.objects if key.startswith(f"predictions/{MODEL}/dt=2025")]
    assert log.find(id_of(4, NOW)) == (MODEL, of_last_year)
    assert log.find(id_of(2, NOW)) is None, "between the first and the last of a file, and not in it"
    assert log.find(id_of(2, NOW + timedelta(seconds=2))) is not None
    for stranger in ("", "p1", id_of(1, NOW).upper(), "ffffffff-ffff-7fff-bfff-ffffffffffff", "x" * 1_000):
        assert log.find(stranger) is None


def test_a_lookup_whose_file_never_came_finds_nothing(tmp_path: Path) -> None:
    store = DyingStore()
    write(store, [message(1)])
    del store.objects[next(key for key in store.objects if key.startswith("predictions/"))]
    log = PredictionLog(store)
    assert log.find(id_of(1, NOW)) is None
    assert list(log.keys_since(MODEL, NOW)) == []
    write(store, [message(1, 2)])
    assert ids_of(store, tmp_path) == [id_of(1, NOW), id_of(2, NOW)]


def test_files_since_a_moment_are_those_whose_ids_were_made_then_or_later() -> None:
    store = InMemoryObjectStore()
    moments = [NOW + timedelta(minutes=20 * place) for place in range(6)]
    for place, at in enumerate(moments):
        write(store, [message(place, at=at, day=place)])
    days = [[key.split("dt=")[1][:10] for key in PredictionLog(store).keys_since(MODEL, at)] for at in moments]
    assert [len(each) for each in days] == [6, 5, 4, 3, 2, 1]
    assert list(PredictionLog(store).keys_since(MODEL, moments[-1] + timedelta(milliseconds=1))) == []
    assert list(PredictionLog(store).keys_since("another", NOW)) == []


def test_looking_up_many_ids_lists_each_hour_in_which_anything_was_logged_once() -> None:
    store = DyingStore()
    write(store, [message(1), message(2, at=NOW + timedelta(hours=30))])
    strangers = [id_of(number, NOW + timedelta(hours=number)) for number in range(-500, 500)]
    far = id_of(1, datetime(9999, 12, 31, 23, tzinfo=UTC))
    store.calls = 0
    assert PredictionLog(store).written(MODEL, {*strangers, far, "no id", id_of(1, NOW)}) == {id_of(1, NOW)}
    assert store.calls < 10


def test_columns_of_different_lengths_are_refused() -> None:
    cut = message(1, 2).model_copy(update={"score": (0.5,)})
    with pytest.raises(ValueError, match=r"shorter|longer"):
        write(InMemoryObjectStore(), [cut])


def test_an_id_that_is_none_of_ours_is_refused() -> None:
    row = Logged("p1", NOW.isoformat(), inputs={"pump": "P"})
    with pytest.raises(ValueError, match=re.escape("expected a UUID of version 7 in lower case, got 'p1'")):
        write(InMemoryObjectStore(), [logged.predictions(MODEL, [row])])


def test_the_columns_of_the_log(tmp_path: Path) -> None:
    store = InMemoryObjectStore()
    write(store, answered(pump_failure(), [pump_row()]), pump_failure())
    moments = "epoch(predicted_at) AS predicted_at, epoch(event_time) AS event_time"
    [row] = rows_of(store, tmp_path, f"* EXCLUDE prediction_id REPLACE ({moments})")
    told = dict(zip(_names(store, tmp_path), row, strict=True))
    assert told == {
        "predicted_at": NOW.timestamp(),
        "event_time": 1773475200.0,
        "version": 3,
        "variant": "champion",
        "answered_by": "model",
        "score": 0.25,
        "label": "False",
        "latency_ms": 0.5,
        "input_measured_at": 1773475200.0,
        "input_pump": "P-7",
        "input_kind": "axial",
        "input_pressure": 81.5,
        "input_starts": 3,
        "input_outdoors": True,
        "shadow_version": None,
        "shadow_score": None,
        "shadow_label": None,
        "shadow_latency_ms": None,
        "shadow_error": None,
        "feature_hour": 8.0,
        "feature_pressure_per_start": 20.375,
    }


def _names(store: InMemoryObjectStore, folder: Path) -> list[str]:
    path = folder / "named.parquet"
    path.write_bytes(next(body for key, body in store.objects.items() if key.startswith("predictions/")))
    with duckdb.connect() as connection:
        described = connection.execute(f"DESCRIBE FROM read_parquet('{path}')").fetchall()
    return [name for name, *_ in described if name != "prediction_id"]


def answered(definition: Definition, rows: Sequence[dict[str, Any]], score: float = 0.25) -> list[Message]:
    """Messages of these rows, as a champion that always gives this score leaves them."""
    answer = Answer.empty(len(rows))
    answer.inputs = to_columns(rows, definition)
    answer.fill(range(len(rows)), Part(3, "model", [score] * len(rows), [False] * len(rows), 0.5))
    told = prediction_message(definition, answer, new_ids(NOW, len(rows)), now=NOW)
    return [parse_message(body) for body in message_bodies(told)]


CELLS = st.fixed_dictionaries(
    {
        "measured_at": st.datetimes(datetime(1900, 1, 1), datetime(2200, 1, 1)).map(lambda at: at.isoformat() + "Z"),
        "pump": st.none() | st.text(st.characters(codec="utf-8", exclude_characters="\0")),
        "kind": st.sampled_from(["axial", "radial", "Zahnrad-Ölpumpe", None]),
        "pressure": st.none() | st.floats(0, 1000),
        "starts": st.integers(0, 2**62),
        "outdoors": st.none() | st.booleans(),
    }
)


@settings(max_examples=20)
@given(rows=st.lists(CELLS, min_size=1, max_size=12), score=st.floats(allow_nan=False, allow_infinity=False))
def test_what_a_model_took_and_gave_comes_back_to_the_bit(
    rows: list[dict[str, Any]], score: float, tmp_path_factory: pytest.TempPathFactory
) -> None:
    definition, folder, store = pump_failure(), tmp_path_factory.mktemp("log"), InMemoryObjectStore()
    write(store, answered(definition, rows, score), definition)
    names = list(definition.served_columns)
    wanted = ", ".join(f'"{INPUT_PREFIX}{name}"' for name in names)
    read = rows_of(store, folder, f"score, {wanted}")
    assert {given.hex() for given, *_ in read} == {score.hex()}
    inputs = dict(zip(names, list(zip(*read, strict=True))[1:], strict=True))
    taken = to_columns(rows, definition)
    for name, values in logged_columns(definition, inputs).items():
        assert values.dtype == taken[name].dtype
        assert list(map(repr, values[:, 0].tolist())) == list(map(repr, taken[name][:, 0].tolist()))


def test_features_are_those_that_training_computes(tmp_path: Path) -> None:
    definition = pump_failure(
        features={
            "hour": "hour(measured_at)",
            "pressure_per_start": "pressure / (starts + 1)",
            "wet": "outdoors AND kind = 'axial'",
            "name": "lower(pump)",
            "wet_hour": "CASE WHEN wet THEN hour END",
        }
    )
    odd = pump_row(pressure=None, outdoors=None, pump=None)
    rows = [pump_row(), odd, pump_row(measured_at="1969-12-31T23:59:59.5Z", kind="radial", pressure=0.1)]
    store = InMemoryObjectStore()
    write(store, answered(definition, rows), definition)
    read = rows_of(store, tmp_path, ", ".join(f'"{FEATURE_PREFIX}{name}"' for name in definition.features))
    assert read == [
        (8.0, 20.375, True, "p-7", 8.0),
        (8.0, None, None, None, None),
        (23.0, 0.025, False, "p-7", None),
    ]
    compiled = compile_features(definition)
    with duckdb.connect() as connection:
        connection.execute(
            "CREATE TABLE raw (measured_at TIMESTAMP, pump VARCHAR, kind VARCHAR, pressure DOUBLE, starts BIGINT,"
            " outdoors BOOLEAN)"
        )
        connection.execute("SET TimeZone = 'UTC'")
        for row in rows:
            connection.execute("INSERT INTO raw VALUES (?::TIMESTAMPTZ, ?, ?, ?, ?, ?)", [*row.values()])
        trained = read_model_inputs(connection, "raw", compiled)
    for place, name in enumerate(definition.features):
        values = [row[place] for row in read]
        if name in compiled.texts:
            assert [value or "" for value in values] == trained.texts[:, compiled.texts.index(name)].tolist()
        else:
            rounded = np.array([np.nan if value is None else value for value in values], np.float32)
            assert np.array_equal(rounded, trained.numbers[:, compiled.numbers.index(name)], equal_nan=True)
