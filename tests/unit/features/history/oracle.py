"""What history features mean, in plain Python over a list of events, and random worlds to compare with it.

Nothing here is shared with the implementation: a step is found by counting, an event by looking at each of them.
"""

import math
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from fractions import Fraction
from random import Random
from typing import Any, NamedTuple

import duckdb
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st

from everloop.contracts.definition import Definition

QUICK = settings(suppress_health_check=list(HealthCheck), phases=[Phase.explicit, Phase.generate])
COLUMNS = {
    "t": "timestamp",
    "card": "category",
    "shop": "integer",
    "home": "boolean",
    "x": "number",
    "n": "integer",
    "flag": "boolean",
    "s": "text",
    "y": "integer",
}
SQL_TYPES = {
    "timestamp": "TIMESTAMP",
    "category": "VARCHAR",
    "text": "VARCHAR",
    "integer": "BIGINT",
    "boolean": "BOOLEAN",
    "number": "DOUBLE",
}
YEAR_1 = datetime(1, 1, 1)
US = timedelta(microseconds=1)
TOLERANCE = 1e-9

Event = dict[str, Any]
"""Column → value."""
Value = float | None


class Asked(NamedTuple):
    """A history with one window, as a user asks for it and as Python understands it."""

    aggregate: str
    expression: str
    by: tuple[str, ...]
    window: str
    delay: str | None
    where: str | None

    def declared(self) -> dict[str, Any]:
        declared = {"value": f"{self.aggregate}({self.expression})", "by": list(self.by), "over": [self.window]}
        return declared | {key: each for key, each in (("delay", self.delay), ("where", self.where)) if each}


def define(histories: dict[str, dict[str, Any]], columns: dict[str, str] = COLUMNS, **data: Any) -> Definition:
    return Definition.model_validate(
        {
            "name": "example",
            "task": "binary-classification",
            "data": {"target": "y", "timestamp": "t"} | data,
            "columns": columns,
            "history": histories,
        }
    )


def fill(
    connection: duckdb.DuckDBPyConnection, table: str, rows: Sequence[Event], columns: dict[str, str] = COLUMNS
) -> None:
    declared = ", ".join(f'"{name}" {SQL_TYPES[kind]}' for name, kind in columns.items())
    connection.execute(f"CREATE OR REPLACE TEMP TABLE {table} ({declared})")
    if rows:
        marks = ", ".join(f"({', '.join('?' * len(columns))})" for _ in rows)
        connection.execute(f"INSERT INTO {table} VALUES {marks}", [row[name] for row in rows for name in columns])


# What counts


def microseconds(duration: str) -> int:
    number, unit = duration.split()
    one = {"minute": 60, "hour": 3_600, "day": 86_400, "week": 604_800}[unit.removesuffix("s")]
    return int(number) * one * 10**6


def step_of(window: int) -> int:
    """The longest of 1d, 6h, 1h, 10min, 1min, 10s, 1s of which the window has at least 60, and none over."""
    seconds = (86_400, 21_600, 3_600, 600, 60, 10, 1)
    return max(each * 10**6 for each in seconds if window % (each * 10**6) == 0 and window >= 60 * each * 10**6)


def counting(asked: Asked, row: Event, events: Sequence[Event]) -> list[tuple[int, Any]]:
    """Time and value of each event that counts for the row."""
    window, delay = microseconds(asked.window), microseconds(asked.delay) if asked.delay else 0
    step = step_of(window)
    now = (row["t"] - YEAR_1) // US
    found = []
    for event in events:
        if event["t"] is None or any(event[key] in (None, "") or event[key] != row[key] for key in asked.by):
            continue
        if asked.where and WHERE[asked.where](event) is not True:
            continue
        value = EXPRESSIONS[asked.expression](event)
        if value is None:
            continue
        us = (event["t"] - YEAR_1) // US
        its_end = -(-us // step) * step
        own_end = -(-now // step) * step
        if delay:
            newest_end = (now - delay) // step * step
            counts = its_end <= now - delay
        else:
            newest_end = own_end - step
            counts = its_end < own_end
        if counts and its_end > newest_end - window:
            found.append((us, value))
    return found


def value_of(asked: Asked, row: Event, events: Sequence[Event]) -> Value:
    """Null for a row without a time or an entity."""
    if row["t"] is None or any(row[key] in (None, "") for key in asked.by):
        return None
    found = counting(asked, row, events)
    if asked.aggregate in ("count", "count_distinct"):
        return len(found) if asked.aggregate == "count" else len({value for _, value in found})
    return MEANING[asked.aggregate](row, found) if found else None


def _at_last(found: list[tuple[int, Any]]) -> Any:
    return max(value for us, value in found if us == max(us for us, _ in found))


def _seconds_since(row: Event, found: list[tuple[int, Any]]) -> float:
    return ((row["t"] - YEAR_1) // US - max(us for us, _ in found)) / 1e6


def _mean(found: list[tuple[int, Any]]) -> Fraction:
    return sum((Fraction(value) for _, value in found), Fraction(0)) / len(found)


def _deviation(found: list[tuple[int, Any]]) -> float | None:
    squares = sum((Fraction(value) - _mean(found)) ** 2 for _, value in found)
    return math.sqrt(squares / (len(found) - 1)) if len(found) > 1 else None


MEANING: dict[str, Callable[[Event, list[tuple[int, Any]]], Value]] = {
    "sum": lambda _, found: float(_mean(found) * len(found)),
    "mean": lambda _, found: float(_mean(found)),
    "min": lambda _, found: min(value for _, value in found),
    "max": lambda _, found: max(value for _, value in found),
    "std": lambda _, found: _deviation(found),
    "last": lambda _, found: _at_last(found),
    "seconds_since_last": _seconds_since,
}
"""Of at least one event that counts."""


def assert_same(got: Value, expected: Value, asked: Asked, row: Event, events: Sequence[Event]) -> None:
    """Equal; sums, means and deviations to 1e-9 of what goes in.

    Not of what comes out: 1e15 + 1 - 1e15 is wrong in its first digit if it is added in another order, and so is the
    deviation of 1e15 and 1e15 + 1.
    """
    said = f"{asked}, row {row}: got {got}, expected {expected}"
    assert (got is None) == (expected is None), said
    if got is None or expected is None:
        return
    if asked.aggregate not in ("sum", "mean", "std"):
        assert got == expected, said
        return
    sizes = [abs(value) for _, value in counting(asked, row, events)]
    assert abs(got - expected) <= TOLERANCE * (sum(sizes) if asked.aggregate == "sum" else max(sizes)), said


def plain(value: Any) -> Value:
    """A cell of a table or of a state: what is not finite is null."""
    return None if value is None or not math.isfinite(value) else float(value)


# What histories are made of, with their meaning


def _number(event: Event, column: str) -> Any:
    return plain(event[column])


def _text(event: Event) -> Any:
    return event["s"] or None


EXPRESSIONS: dict[str, Callable[[Event], Any]] = {
    "": lambda _: 1,
    "x": lambda event: _number(event, "x"),
    "n": lambda event: _number(event, "n"),
    "y": lambda event: _number(event, "y"),
    "flag": lambda event: _number(event, "flag"),
    "s": _text,
    "x * 2": lambda event: None if (x := _number(event, "x")) is None else plain(x * 2),
    "CASE WHEN flag THEN n END": lambda event: _number(event, "n") if event["flag"] else None,
    "coalesce(n, 7)": lambda event: 7 if event["n"] is None else _number(event, "n"),
    "hour(t)": lambda event: float(event["t"].hour),
}
WHERE: dict[str, Callable[[Event], bool | None]] = {
    "flag": lambda event: event["flag"],
    "NOT flag": lambda event: None if event["flag"] is None else not event["flag"],
    "n > 0": lambda event: None if event["n"] is None else event["n"] > 0,
    "s = 'b' OR x IS NULL": lambda event: event["s"] == "b" or _number(event, "x") is None,
    "hour(t) < 12": lambda event: event["t"].hour < 12,
    "year(t) > 3000": lambda _: False,
}
WITHOUT_ARGUMENT = ("count", "seconds_since_last")
WITH_TEXT = ("count", "count_distinct")
AGGREGATES = ("count", "sum", "mean", "min", "max", "std", "count_distinct", "last", "seconds_since_last")


WINDOWS = ["1 minute", "1 hour", "90 minutes", "1 day", "7 days", "30 days", "52 weeks"]
DELAYS = ["1 minute", "7 minutes", "1 hour", "1 day", "30 days"]
BY = [("card",), ("card",), ("shop",), ("home",), ("card", "shop"), ()]


# Random worlds

ORIGINS = [
    datetime(1900, 1, 1),
    datetime(1969, 12, 31, 23, 59, 59, 999_999),
    datetime(1970, 1, 1),
    datetime(1999, 12, 31, 23, 30),
    datetime(2024, 2, 28, 23, 59, 59),
    datetime(2024, 2, 29),
    datetime(2024, 3, 31, 1, 59, 30, 123_456),
    datetime(2100, 2, 28, 12),
]
TAME = [0.0, -0.0, 1.0, -1.0, 0.1, 2.5, -3.75, 1e-9, 123_456.789]
WILD = [1e15, -1e15, 1e15 + 0.125, 1e-300, 5e-324, 1e100, 1.0, math.inf, -math.inf, math.nan]
WHOLE = [0, 1, 2, 3, -1, -2, -3]
HUGE = [2**62, 2**63 - 1, -(2**63), 2**53 + 1, 2**53, 1]


class World(NamedTuple):
    """Rows of a table, each of which is an event as well, and histories that see some of them."""

    asked: list[Asked]
    rows: list[Event]


SEEDS = st.integers(0, 2**64)
"""Of worlds; hypothesis alone makes them too small for much to happen in them."""


def world_of(seed: int, *, rows: int = 40) -> World:
    random = Random(seed)
    window, delay = random.choice(WINDOWS), random.choice(DELAYS)
    asked = [_asked(random, window, delay) for _ in range(random.randint(4, 8))]
    asked.sort(key=lambda each: BY.index(each.by))  # those of one entity are kept together
    moments = _moments(random, window, delay)
    numbers, integers = random.choice([TAME, TAME, WILD]), random.choice([WHOLE, WHOLE, HUGE])
    nulls = random.choice([0.0, 0.05, 0.3])

    def pick(values: Sequence[Any]) -> Any:
        return None if random.random() < nulls else random.choice(values)

    def row() -> Event:
        return {
            "t": pick(moments),
            "card": pick(["a", "a", "a", "A", "é", "e\u0301", "it's", ""]),
            "shop": pick([7, 7, 0, -(2**53)]),
            "home": pick([True, False]),
            "x": pick([*numbers, random.uniform(-1e3, 1e3)]),
            "n": pick(integers),
            "flag": pick([True, False]),
            "s": pick(["", "a", "b", "B", "日本"]),
            "y": pick([0, 1]),
        }

    made = [row() for _ in range(random.randint(1, rows))]
    made += [dict(random.choice(made)) for _ in range(random.randint(0, 5))]
    random.shuffle(made)
    return World(asked, made)


def _asked(random: Random, window: str, delay: str) -> Asked:
    aggregate = random.choice(AGGREGATES)
    possible = [
        expression
        for expression in EXPRESSIONS
        if (expression or aggregate in WITHOUT_ARGUMENT)
        and (not expression or aggregate != "seconds_since_last")
        and (expression != "s" or aggregate in WITH_TEXT)
    ]
    expression = random.choice(possible)
    return Asked(
        aggregate,
        expression,
        random.choice(BY),
        random.choice([window, window, random.choice(WINDOWS)]),
        random.choice([delay, random.choice(DELAYS)] if expression == "y" else [None, None, delay]),
        random.choice([None, None, None, *WHERE]),
    )


def _moments(random: Random, window: str, delay: str) -> list[datetime]:
    """About one origin, most of them on the borders of steps, of windows and of delays, or next to one."""
    long = microseconds(window)
    units = [step_of(long), step_of(long), long, microseconds(delay)]
    found = [random.choice(ORIGINS)]
    for _ in range(random.randint(3, 20)):
        moved = random.choice(found) + random.choice(units) * random.choice([0, 1, 1, -1, 2, 5, 59, 60]) * US
        moved += random.choice([0, 0, 0, 1, -1, random.randint(0, step_of(long))]) * US
        if datetime(1890, 1, 1) < moved < datetime(2105, 1, 1):
            found.append(moved)
    return found
