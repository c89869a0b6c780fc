"""The history of training rows is what its definition says, and never looks ahead."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import duckdb
import pytest
from hypothesis import given, settings

from everloop.contracts.history import AGGREGATES
from everloop.features.history.compile import compile_history
from everloop.features.history.offline import add_history
from tests.unit.features.history import oracle
from tests.unit.features.history.oracle import (
    COLUMNS,
    QUICK,
    SEEDS,
    US,
    Asked,
    Event,
    Value,
    define,
    fill,
    plain,
    world_of,
)

Connection = duckdb.DuckDBPyConnection


def history_of(
    connection: Connection, asked: Sequence[Asked], rows: Sequence[Event], events: Sequence[Event]
) -> list[list[Value]]:
    """For each row, the value of each history."""
    definition = define({f"h{place}": each.declared() for place, each in enumerate(asked)})
    fill(connection, "asking", rows)
    fill(connection, "happened", events)
    add_history(connection, definition, compile_history(definition), rows="asking", events="happened")
    names = ", ".join(f"h{place}" for place in range(len(asked)))
    return [[plain(value) for value in row] for row in connection.execute(f"SELECT {names} FROM asking").fetchall()]


def event(at: datetime, **cells: Any) -> Event:
    return dict.fromkeys(COLUMNS) | {"card": "a", "x": 1.0, "y": 1, "t": at} | cells


NOON = datetime(2024, 2, 29, 12)
HOURS, DAYS = timedelta(hours=1), timedelta(days=1)
EXTREMES = ((-1e14, -99), (1e14, 99))


def test_the_oracle_knows_all_aggregates() -> None:
    assert oracle.AGGREGATES == AGGREGATES


@settings(QUICK, max_examples=120)
@given(seed=SEEDS)
def test_each_value_is_what_the_semantics_say(connection: Connection, seed: int) -> None:
    asked, world = world_of(seed)
    for row, values in zip(world, history_of(connection, asked, world, world), strict=True):
        for each, value in zip(asked, values, strict=True):
            oracle.assert_same(value, oracle.value_of(each, row, world), each, row, world)


@settings(QUICK, max_examples=40)
@given(seed=SEEDS)
def test_rows_need_not_be_events(connection: Connection, seed: int) -> None:
    asked, world = world_of(seed)
    half = len(world) // 2
    rows, events = world[:half], world[half:]
    for row, values in zip(rows, history_of(connection, asked, rows, events), strict=True):
        for each, value in zip(asked, values, strict=True):
            oracle.assert_same(value, oracle.value_of(each, row, events), each, row, events)


@settings(QUICK, max_examples=40)
@given(seed=SEEDS)
def test_what_comes_later_changes_nothing(connection: Connection, seed: int) -> None:
    """Not what the row itself holds, nor what happens at its moment or later, nor what is not known by then."""
    asked, world = world_of(seed)
    row = next((row for row in world if row["t"]), None)
    if row is None:
        return
    [before] = history_of(connection, asked, [row], world)
    for each, value in zip(asked, before, strict=True):
        delay = timedelta(microseconds=oracle.microseconds(each.delay)) if each.delay else timedelta(0)
        dated = [event for event in world if event["t"]]
        known = [event for event in dated if (event["t"] <= row["t"] - delay if delay else event["t"] < row["t"])]
        unknown = [event for event in dated if event not in known]
        changed = [event | {"x": 1e14, "n": 99, "s": "later", "y": 5, "flag": True} for event in unknown]
        soon = row["t"] - delay + US if delay else row["t"]
        changed += [row | {"t": soon, "x": x, "n": n, "s": "soon", "y": 9, "flag": n > 0} for x, n in EXTREMES]
        for told in (known, known + unknown + changed):
            [[again]] = history_of(connection, [each], [row], told)
            oracle.assert_same(again, value, each, row, known)


@pytest.mark.parametrize("aggregate", AGGREGATES)
def test_a_row_does_not_see_its_own_moment(connection: Connection, aggregate: str) -> None:
    expression = "" if aggregate == "seconds_since_last" else "x"
    asked = Asked(aggregate, expression, ("card",), "7 days", None, None)
    same_moment = [event(NOON), event(NOON, x=2.0), event(NOON, x=3.0)]
    expected = 0 if aggregate in ("count", "count_distinct") else None
    assert history_of(connection, [asked], same_moment, same_moment) == [[expected]] * 3


def test_a_label_counts_from_its_delay_on_and_not_a_microsecond_before(connection: Connection) -> None:
    asked = Asked("sum", "y", ("card",), "90 days", "30 days", None)
    known = [event(datetime(2024, 1, 1))]
    rows = [event(datetime(2024, 1, 31) + moved) for moved in (-US, 0 * US, US)]
    assert history_of(connection, [asked], rows, known) == [[None], [1], [1]]


def test_a_window_moves_on_at_the_ends_of_its_steps(connection: Connection) -> None:
    """Of seven days a step is an hour: noon itself belongs to the hour that ends then."""
    asked = Asked("count", "", ("card",), "7 days", None, None)
    eleven = [event(NOON - HOURS)]
    later = [event(NOON - HOURS + US)]
    rows = [event(NOON), event(NOON + US)]
    assert history_of(connection, [asked], rows, eleven) == [[1], [1]]
    assert history_of(connection, [asked], rows, later) == [[0], [1]]
    week_ago = [event(NOON - 7 * DAYS)]
    assert history_of(connection, [asked], rows, week_ago) == [[1], [0]]


def test_a_lag_is_the_value_of_the_hour_a_day_before(connection: Connection) -> None:
    demand = [event(NOON + hour * HOURS, x=float(hour)) for hour in range(60)]
    definition = define({"lag": {"value": "last(x)", "by": "card", "over": "1 hour", "delay": "24 hours"}})
    fill(connection, "asking", demand)
    add_history(connection, definition, compile_history(definition), rows="asking", events="asking")
    lags = [lag for (lag,) in connection.execute("SELECT lag FROM asking").fetchall()]
    assert lags == [None] * 24 + [float(hour) for hour in range(36)]


def test_of_events_at_one_moment_the_largest_is_the_last(connection: Connection) -> None:
    asked = Asked("last", "x", ("card",), "7 days", None, None)
    events = [event(NOON - 2 * HOURS, x=x) for x in (2.0, 9.0, None, -1.0)]
    assert history_of(connection, [asked], [event(NOON)], events) == [[9]]


@pytest.mark.parametrize("cells", [{"card": None}, {"card": ""}, {"t": None}])
def test_a_row_without_a_time_or_an_entity_has_no_history(connection: Connection, cells: dict[str, Any]) -> None:
    asked = [
        Asked("count", "", ("card",), "7 days", None, None),
        Asked("last", "x", ("card",), "7 days", "1 day", None),
    ]
    events = [event(NOON - 2 * DAYS), event(NOON - 2 * DAYS) | cells]
    assert history_of(connection, asked, [event(NOON) | cells], events) == [[None, None]]


def test_what_overflows_is_null_and_no_error(connection: Connection) -> None:
    asked = [Asked(each, "x", ("card",), "7 days", None, None) for each in ("sum", "mean", "std", "max")]
    events = [event(NOON - hour * HOURS, x=x) for hour, x in enumerate((1.7e308, 1.7e308, -1.0), start=1)]
    assert history_of(connection, asked, [event(NOON + US)], events) == [[None, None, None, 1.7e308]]


def test_no_events_and_no_rows(connection: Connection) -> None:
    asked = [Asked("count", "", (), "7 days", None, None), Asked("mean", "x", ("card",), "7 days", None, None)]
    assert history_of(connection, asked, [event(NOON)], []) == [[0, None]]
    assert history_of(connection, asked, [], [event(NOON)]) == []


def test_rows_keep_their_order_and_columns(connection: Connection) -> None:
    rows = [event(NOON - place * 17 % 11 * HOURS, x=float(place)) for place in range(3_000)]
    asked = [Asked("count", "", ("card",), "1 day", None, None), Asked("count", "", (), "1 hour", None, None)]
    history_of(connection, asked, rows, rows)
    described = connection.execute("SELECT * FROM asking")
    assert [column[0] for column in described.description or ()] == [*COLUMNS, "h0", "h1"]
    assert [row[4] for row in described.fetchall()] == [row["x"] for row in rows]


NAMES = [
    "rowid",
    "place",
    "us",
    "step",
    "now",
    "k0",
    "v0",
    "value",
    "entity",
    "entities",
    "events",
    "own",
    "h",
    "Place",
]


@pytest.mark.parametrize("name", NAMES)
def test_no_name_of_a_column_gets_in_the_way(connection: Connection, name: str) -> None:
    """Neither as what names the entity, nor as what is aggregated, nor as the timestamp, nor as the history itself."""
    times = [NOON, NOON + HOURS, NOON + 2 * HOURS]
    for role in ("card", "x", "t", "history"):
        names = {"t": "t", "card": "card", "x": "x", "y": "y", "history": "sum of x"} | {role: name}
        columns = {names[each]: COLUMNS[each] for each in ("t", "card", "x", "y")}
        declared = {"value": f'sum("{names["x"]}")', "by": names["card"], "over": "7 days"}
        definition = define({names["history"]: declared}, columns, timestamp=names["t"])
        rows = [{names["t"]: at, names["card"]: "a", names["x"]: 2.0, "y": 1} for at in times]
        fill(connection, "asking", rows, columns)
        add_history(connection, definition, compile_history(definition), rows="asking", events="asking")
        described = connection.execute("SELECT * FROM asking")
        assert [column[0] for column in described.description or ()] == [*columns, names["history"]]
        assert [row[-1] for row in described.fetchall()] == [None, 2, 4]
