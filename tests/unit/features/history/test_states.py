"""What is kept of an entity gives the values that training has seen."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from everloop.contracts.history import AGGREGATES, HistoryFeature
from everloop.features.history.aggregates import TABLE
from everloop.features.history.compile import CompiledHistory, compile_history
from everloop.features.history.materialize import entity_states
from everloop.features.history.offline import add_history
from everloop.features.history.state import State, empty_values, entity_key
from everloop.features.history.steps import us_of
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
NOON = datetime(2024, 2, 29, 12)
HOURS, DAYS = timedelta(hours=1), timedelta(days=1)


def us_at(moment: datetime) -> int:
    """As for a request, whose times are seconds since 1970 as floats."""
    return us_of(moment.replace(tzinfo=UTC).timestamp())


def kept_values(
    connection: Connection, compiled: Sequence[CompiledHistory], rows: Sequence[Event], since_us: int
) -> list[dict[str, Value]]:
    """For each row, from the states that the events in the table `happened` leave for rows since then."""
    groups: dict[tuple[str, ...], list[CompiledHistory]] = defaultdict(list)
    for each in compiled:
        groups[each.feature.history.by].append(each)
    found: list[dict[str, Value]] = [{} for _ in rows]
    for by, group in groups.items():
        features = [each.feature for each in group]
        told = entity_states(
            connection,
            define({each.name: each.feature.history.model_dump() for each in group}),
            group,
            events="happened",
            touched="happened",
            since_us=[since_us],
        )
        bodies = {state.key: state.body for state in told}
        for row, values in zip(rows, found, strict=True):
            names = [row[key] for key in by]
            body = bodies.get(entity_key(names))
            if row["t"] is None or any(name in (None, "") for name in names):
                own = [float("nan")] * len(group)
            else:
                own = State(body, features).values(us_at(row["t"])) if body else empty_values(features)
            values |= {each.name: plain(value) for each, value in zip(group, own, strict=True)}
    return found


def assert_agree(
    connection: Connection, asked: Sequence[Asked], world: Sequence[Event], since: datetime | None
) -> None:
    definition = define({f"h{place}": each.declared() for place, each in enumerate(asked)})
    compiled = compile_history(definition)
    rows = [row for row in world if since is None or (row["t"] and row["t"] >= since)]
    fill(connection, "asking", rows)
    fill(connection, "happened", world)
    kept = kept_values(connection, compiled, rows, us_at(since) if since else 0)
    add_history(connection, definition, compiled, rows="asking", events="happened")
    names = ", ".join(each.name for each in compiled)
    trained = connection.execute(f"SELECT {names} FROM asking").fetchall()
    for row, own, values in zip(rows, kept, trained, strict=True):
        for each, got, expected in zip(asked, own.values(), values, strict=True):
            oracle.assert_same(got, plain(expected), each, row, world)


@settings(QUICK, max_examples=100)
@given(seed=SEEDS)
def test_states_and_training_agree(connection: Connection, seed: int) -> None:
    asked, world = world_of(seed)
    assert_agree(connection, asked, world, None)


@settings(QUICK, max_examples=60)
@given(seed=SEEDS)
def test_a_state_is_enough_for_all_rows_since_its_moment(connection: Connection, seed: int) -> None:
    asked, world = world_of(seed)
    times = sorted(row["t"] for row in world if row["t"])
    if times:
        assert_agree(connection, asked, world, times[seed % len(times)])


@settings(QUICK, max_examples=500)
@given(moment=st.datetimes(datetime(1900, 1, 1), datetime(2105, 1, 1)))
def test_seconds_as_floats_keep_every_microsecond(moment: datetime) -> None:
    assert us_at(moment) == (moment - datetime(1, 1, 1)) // US


def event(at: datetime, card: str = "a", x: float | None = 1.0) -> Event:
    return dict.fromkeys(COLUMNS) | {"card": card, "x": x, "y": 1, "t": at}


HISTORY = {"h": {"value": "sum(x)", "by": "card", "over": "7 days"}}


def test_only_touched_entities_are_told_with_their_newest_event(connection: Connection) -> None:
    definition = define(HISTORY)
    fill(connection, "happened", [event(NOON, "a"), event(NOON + HOURS, "a"), event(NOON, "b"), event(NOON, "c")])
    fill(connection, "touched", [event(NOON, "b"), event(NOON, "a"), event(NOON, "a")])
    told = entity_states(
        connection, definition, compile_history(definition), events="happened", touched="touched", since_us=[0]
    )
    expected = {entity_key(["a"]): us_at(NOON + HOURS), entity_key(["b"]): us_at(NOON)}
    assert {state.key: state.last_us for state in told} == expected


def test_the_order_in_which_events_came_leaves_no_trace(connection: Connection) -> None:
    definition = define(HISTORY | {"d": {"value": "count_distinct(x)", "by": "card", "over": "7 days"}})
    events = [event(NOON + place * HOURS / 3, "ab"[place % 2], float(place % 5)) for place in range(40)]
    asking = [event(NOON + hour * HOURS, card) for hour in (3, 9, 100) for card in "ab"]
    found = []
    for ordered in (events, events[::-1]):
        fill(connection, "happened", ordered)
        found.append(kept_values(connection, compile_history(definition), asking, 0))
    assert found[0] == found[1]


def test_a_state_does_not_grow_with_the_events_of_a_step(connection: Connection) -> None:
    """Three in an hour or 120: each step has one of each part."""
    definition = define({name: {"value": f"{name}(x)", "by": "card", "over": "7 days"} for name in ("sum", "std")})
    sizes = []
    for apart in (1_200, 30):
        fill(connection, "happened", [event(NOON + second * DAYS / 86_400) for second in range(0, 86_400, apart)])
        [state] = entity_states(
            connection, definition, compile_history(definition), events="happened", touched="happened", since_us=[0]
        )
        sizes.append(len(state.body))
    assert abs(sizes[0] - sizes[1]) < 200


@pytest.mark.parametrize("line", [0, -7, 2**53, 2**53 + 1, 2**62 + 1, 2**63 - 1, -(2**63)])
def test_an_integer_entity_is_found_by_the_float_of_a_request(connection: Connection, line: int) -> None:
    definition = define({"h": {"value": "sum(x)", "by": "shop", "over": "7 days"}})
    fill(connection, "happened", [event(NOON) | {"shop": line}])
    [state] = entity_states(
        connection, definition, compile_history(definition), events="happened", touched="happened", since_us=[0]
    )
    assert state.key == entity_key([int(float(line))])


def test_an_entity_that_nothing_happened_to_any_more_is_told_as_empty(connection: Connection) -> None:
    """So that what is kept of it is overwritten, after its only row was replaced."""
    definition = define(HISTORY)
    compiled = compile_history(definition)
    fill(connection, "happened", [event(NOON, "b")])
    fill(connection, "touched", [event(NOON, "a")])
    [state] = entity_states(connection, definition, compiled, events="happened", touched="touched", since_us=[0])
    features = [each.feature for each in compiled]
    assert state.key == entity_key(["a"])
    assert [plain(value) for value in State(state.body, features).values(us_at(NOON + DAYS))] == [None]


def test_late_states_leave_old_steps_out(connection: Connection) -> None:
    definition = define(HISTORY)
    compiled = compile_history(definition)
    fill(connection, "happened", [event(NOON + day * DAYS) for day in range(300)])
    end = NOON + 300 * DAYS
    whole, late = (
        next(
            entity_states(connection, definition, compiled, events="happened", touched="happened", since_us=[since])
        ).body
        for since in (0, us_at(end))
    )
    features = [each.feature for each in compiled]
    assert len(late) < len(whole) / 5
    assert State(late, features).values(us_at(end)) == State(whole, features).values(us_at(end)) == [7]


@pytest.mark.parametrize("aggregate", AGGREGATES)
def test_an_entity_that_nobody_knows_has_nothing_counted(connection: Connection, aggregate: str) -> None:
    asked = Asked(aggregate, "" if aggregate == "seconds_since_last" else "x", ("card",), "7 days", None, None)
    features: list[HistoryFeature] = list(define({"h": asked.declared()}).history_features.values())
    [value] = empty_values(features)
    assert plain(value) == (0 if aggregate in ("count", "count_distinct") else None)
    assert TABLE[aggregate].empty is value
    long_gone = [event(NOON)]
    assert_agree(connection, [asked], [*long_gone, event(NOON + 30 * DAYS, "b"), event(NOON + 60 * DAYS)], None)


NAMES = ["entity", "entities", "events", "own", "us", "step", "value", "p0", "everything", "their_events", "rowid"]


@pytest.mark.parametrize("name", NAMES)
def test_no_name_of_a_column_gets_in_the_way(connection: Connection, name: str) -> None:
    for role in ("card", "x", "t"):
        names = {"t": "t", "card": "card", "x": "x", "y": "y"} | {role: name}
        columns = {names[each]: COLUMNS[each] for each in names}
        declared = {"value": f'sum("{names["x"]}")', "by": names["card"], "over": "7 days"}
        definition = define({"h": declared}, columns, timestamp=names["t"])
        compiled = compile_history(definition)
        rows = [{names["t"]: NOON + hour * HOURS, names["card"]: "a", names["x"]: 2.0, "y": 1} for hour in range(3)]
        fill(connection, "happened", rows, columns)
        [state] = entity_states(connection, definition, compiled, events="happened", touched="happened", since_us=[0])
        features = [each.feature for each in compiled]
        assert state.key == entity_key(["a"])
        assert [State(state.body, features).values(us_at(NOON + hour * HOURS)) for hour in (1, 5)] == [[2], [6]]
