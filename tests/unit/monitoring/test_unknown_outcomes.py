"""Outcomes of predictions that nobody made, told apart from late ones."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb
import pytest

from everloop.contracts.predictions import OutcomeRecord
from everloop.monitoring.log import write_messages
from everloop.monitoring.shadow import Challengers
from everloop.monitoring.unknown_outcomes import find_unknown_outcomes
from everloop.stores.predictions import PredictionLog
from everloop.stores.registry import VersionReader
from tests import logged
from tests.fakes import InMemoryObjectStore
from tests.logged import Logged, id_of
from tests.samples import pump_failure
from tests.unit.monitoring.test_log import DyingStore

DEFINITION = pump_failure()
END = datetime(2026, 3, 21, tzinfo=UTC)
START = END - timedelta(days=7)
MADE = START + timedelta(days=1)


class World:
    def __init__(self, folder: Path) -> None:
        self.store = DyingStore()
        self.log = PredictionLog(self.store)
        self._folder = folder

    def predict(self, *numbers: int, at: datetime = MADE) -> None:
        rows = [Logged(id_of(number, at), at.isoformat(), inputs={"pump": "P-7"}) for number in numbers]
        self._write(logged.predictions(DEFINITION.name, rows))

    def tell(self, *prediction_ids: str, at: datetime = MADE + timedelta(hours=1), actual: float = 1.0) -> None:
        told = [OutcomeRecord(prediction_id=each, actual=actual, observed_at=at.isoformat()) for each in prediction_ids]
        self._write(logged.outcomes(DEFINITION.name, told))

    def _write(self, message: logged.PredictionsMessage | logged.OutcomesMessage) -> None:
        challengers = Challengers(VersionReader(InMemoryObjectStore()))
        write_messages([message], self.log, lambda _: DEFINITION, challengers)

    def unknown(self) -> list[str]:
        """Their prediction ids."""
        files: dict[str, list[Path]] = {}
        for kind in ("predictions", "outcomes"):
            files[kind] = []
            for number, key in enumerate(self.log.keys(kind, DEFINITION.name, START.date(), END.date())):
                files[kind].append(self._folder / f"{kind}-{number}.parquet")
                self.log.download(key, files[kind][-1])
        count, path = find_unknown_outcomes(
            self.log, DEFINITION, files["predictions"], files["outcomes"], folder=self._folder, start=START, end=END
        )
        if path is None:
            assert count == 0
            return []
        with duckdb.connect() as connection:
            read = connection.execute(f"SELECT prediction_id FROM read_parquet('{path}')").fetchall()
        assert count == len(read)
        return [name for (name,) in read]


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def test_what_was_predicted_is_known_however_long_ago(world: World) -> None:
    before = START - timedelta(days=60)
    world.predict(1)
    world.predict(2, at=before)
    world.tell(id_of(1, MADE), id_of(2, before))
    assert world.unknown() == []


def test_ids_that_nobody_gave_are_unknown(world: World) -> None:
    world.predict(1, 3)
    strangers = ["p1", id_of(1, MADE).upper(), id_of(2, MADE), id_of(1, MADE + timedelta(hours=5)), "ffffffff"]
    world.tell(id_of(1, MADE), *strangers)
    world.tell(*strangers)
    assert sorted(world.unknown()) == sorted(strangers), "told twice, each counts once"


def test_what_was_observed_outside_of_the_window_is_left_to_other_checks(world: World) -> None:
    world.tell("early", at=START - timedelta(seconds=1))
    world.tell("late", at=END + timedelta(seconds=1))
    world.tell("first", at=START)
    world.tell("last", at=END)
    assert sorted(world.unknown()) == ["first", "last"]


def test_predictions_older_than_the_log_may_have_been_there(world: World) -> None:
    gone = END - DEFINITION.serving.log_retention - timedelta(seconds=1)
    kept = gone + timedelta(seconds=2)
    world.tell(id_of(1, gone), id_of(1, kept))
    assert world.unknown() == [id_of(1, kept)]


def test_a_prediction_whose_file_never_came_is_unknown(world: World) -> None:
    before = START - timedelta(days=60)
    world.predict(1, at=before)
    del world.store.objects[next(key for key in world.store.objects if key.startswith("predictions/"))]
    world.tell(id_of(1, before))
    assert world.unknown() == [id_of(1, before)]


def test_many_outcomes_cost_no_call_each(world: World) -> None:
    before = START - timedelta(days=60)
    world.predict(*range(1_000), at=before)
    world.tell(*(id_of(number, before) for number in range(2_000)))
    world.store.calls = 0
    assert len(world.unknown()) == 1_000
    assert world.store.calls < 10


def test_without_outcomes_nothing_is_unknown(world: World) -> None:
    world.predict(1)
    assert world.unknown() == []
