"""The skew watch: predictions whose history was not what training rows of their moments have."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest

from everloop.contracts.definition import Definition
from everloop.contracts.monitoring import HistorySkew
from everloop.ids import new_ids
from everloop.inference.answer import Answer, Part
from everloop.inference.records import message_bodies, prediction_message
from everloop.inference.rows import to_columns
from everloop.monitoring.log import parse_message, write_messages
from everloop.monitoring.shadow import Challengers
from everloop.monitoring.skew import SAMPLE_ROWS, measure_skew
from everloop.stores.predictions import PredictionLog
from everloop.stores.registry import ModelRegistry
from tests.fakes import FixedClock
from tests.histories import HistoryWorld
from tests.unit.materialization.test_materialization import NOON, payments, rows_sql

VERSION = 3


class Traffic(HistoryWorld):
    def answer(self, rows: Sequence[dict[str, Any]]) -> None:
        """Answer and log these rows as the champion does."""
        columns = to_columns(rows, self.definition)
        columns |= self.lookup.look_up(self.definition, columns).columns
        answer = Answer.empty(len(rows))
        answer.inputs = columns
        answer.fill(range(len(rows)), Part(VERSION, "model", [0.0] * len(rows), [None] * len(rows), 1.0))
        now = self.clock.now()
        message = prediction_message(self.definition, answer, new_ids(now, len(rows)), now=now)
        messages = [parse_message(body) for body in message_bodies(message)]
        challengers = Challengers(ModelRegistry(self.lake))
        write_messages(messages, PredictionLog(self.lake), lambda _: self.definition, challengers)

    def skew(self) -> HistorySkew | None:
        log = PredictionLog(self.lake)
        start, end = self.clock.now() - timedelta(days=7), self.clock.now() + timedelta(days=1)
        files = []
        for number, key in enumerate(log.keys("predictions", self.definition.name, start.date(), end.date())):
            files.append(self.folder / f"predictions-{number}.parquet")
            log.download(key, files[-1])
        return measure_skew(
            self.definition, files, self.batches, folder=self.folder, version=VERSION, start=start, end=end
        )


@pytest.fixture
def traffic(tmp_path: Path) -> Traffic:
    return Traffic(payments(), tmp_path, FixedClock(NOON))


def requests(count: int, *, until: datetime = NOON) -> list[dict[str, Any]]:
    """The rows of `rows_sql` without their outcome."""
    with duckdb.connect() as database:
        rows = database.execute(
            f"SELECT paid_at, card, shop, amount FROM ({rows_sql(0, count, until=until)})"
        ).fetchall()
    return [
        {"paid_at": moment.replace(tzinfo=UTC).isoformat(), "card": card, "shop": shop, "amount": amount}
        for moment, card, shop, amount in rows
    ]


def test_history_that_is_served_as_it_is_trained_does_not_differ(traffic: Traffic) -> None:
    traffic.arrive(rows_sql(0, 1_000))
    traffic.answer(requests(300))
    assert traffic.skew() == HistorySkew(rows=300, different=0)


def test_rows_that_arrive_after_they_were_needed_are_found_out(traffic: Traffic) -> None:
    yesterday = NOON - timedelta(days=1)
    traffic.arrive(rows_sql(1_000, 500, until=yesterday))
    traffic.answer(requests(48))
    assert traffic.skew() == HistorySkew(rows=48, different=0), "as far as the lake knows"
    traffic.arrive(rows_sql(0, 48))
    found = traffic.skew()
    assert found is not None
    assert found.rows == 48
    assert 40 <= found.different <= 48
    assert "all_since" in found.columns
    assert "card_frauds" not in found.columns, "it declares a delay, so it was known in time"
    assert json.loads(found.model_dump_json())["different"] == found.different


def test_a_sample_is_looked_at(traffic: Traffic) -> None:
    traffic.arrive(rows_sql(0, 500))
    for _ in range(3):
        traffic.answer(requests(450))
    found = traffic.skew()
    assert found == HistorySkew(rows=SAMPLE_ROWS, different=0)


def test_what_cannot_be_compared_is_left_out(traffic: Traffic) -> None:
    assert traffic.skew() is None, "nothing was predicted"
    traffic.answer([{"paid_at": None, "card": "card-1", "shop": 1, "amount": 1.0}])
    assert traffic.skew() is None, "a row without a timestamp"
    traffic.arrive(rows_sql(0, 100))
    traffic.answer(requests(10))
    assert traffic.skew() == HistorySkew(rows=10, different=0)


def test_predictions_from_before_the_history_was_declared_are_not_compared(traffic: Traffic) -> None:
    traffic.definition = payments(history={})
    traffic.arrive(rows_sql(0, 100))
    traffic.answer(requests(10))
    traffic.definition = payments()
    assert traffic.skew() is None


def personal(definition: Definition, column: str) -> Definition:
    """The same one, with a column of which the log has a hash."""
    raw = definition.model_dump(mode="json", exclude_defaults=True)
    raw["columns"][column]["pii"] = "hash"
    return Definition.model_validate(raw)


@pytest.mark.parametrize("column", ["card", "shop"])
def test_histories_of_personal_data_are_not_compared_and_the_others_are(traffic: Traffic, column: str) -> None:
    traffic.definition = personal(traffic.definition, column)
    traffic.arrive(rows_sql(0, 1_000))
    traffic.answer(requests(300))
    assert traffic.skew() == HistorySkew(rows=300, different=0)


def test_where_every_history_is_of_personal_data_nothing_is_compared(traffic: Traffic) -> None:
    history = {"card_rows": {"value": "count()", "by": "card", "over": "1 day"}}
    traffic.definition = personal(payments(history=history), "card")
    traffic.arrive(rows_sql(0, 1_000))
    traffic.answer(requests(300))
    assert traffic.skew() is None
