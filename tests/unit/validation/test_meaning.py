"""What texts mean beyond their type (hints of [data.csv]), and what types say beyond texts (Parquet)."""

from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb
import pytest

from tests.unit.validation.conftest import World, define


def values(world: World, name: str) -> list[Any]:
    return [row[name] for row in world.accepted]


def test_decimal_commas_missing_tokens_and_day_first_times_are_read_as_declared() -> None:
    world = World(
        define(
            {"co": "number", "n": "integer", "kind": "category", "at": "timestamp"},
            timestamp="at",
            csv={"missing": ["-200", "unknown"], "timestamp_format": "%d/%m/%Y %H.%M.%S", "decimal": ","},
        )
    )
    report = world.deliver(
        "y;x;co;n;kind;at\n"
        "1,5;2;2,6;3;a;10/03/2004 18.00.00\n"
        "2;2;-200;-200;unknown;11/03/2004 19.30.00\n"
        "3;2; unknown ;4,0;b;2004-03-12T20:00:00Z\n"
    )
    assert report.rows.accepted == 3, report.problems
    assert values(world, "y") == [1.5, 2.0, 3.0]
    assert values(world, "co") == [2.6, None, None]
    assert values(world, "n") == [3, None, 4]
    assert values(world, "kind") == ["a", None, "b"]
    assert values(world, "at") == [
        datetime(2004, 3, 10, 18),
        datetime(2004, 3, 11, 19, 30),
        datetime(2004, 3, 12, 20),
    ]


def test_a_decimal_comma_is_seen_without_a_hint_and_a_point_beside_it_is_no_number() -> None:
    world = World(define({"v": "number"}))
    report = world.deliver("y;x;v\n1,5;1,5;1,25\n2,5;1,5;2,25\n2,5;1,5;1.000,5\n")
    assert report.reading is not None
    assert report.reading.decimal == ","
    assert [(problem.column, problem.reason, problem.example) for problem in report.problems] == [
        ("v", "wrong_type", "1.000,5")
    ]
    assert values(world, "v") == [1.25, 2.25]


def test_a_number_of_json_has_a_point_whatever_the_hint_says() -> None:
    world = World(define({}, csv={"decimal": ","}))
    report = world.deliver('{"y": 1.5, "x": 2}\n{"y": "2,5", "x": 3}\n{"y": "1.000,5", "x": 3}\n')
    assert values(world, "y") == [1.5, 2.5]
    assert [(problem.reason, problem.example) for problem in report.problems] == [("wrong_type", "1.000,5")]


def test_several_columns_make_one_timestamp_and_are_not_strangers() -> None:
    at = {"type": "timestamp", "parts": ["dteday", "hr"], "format": "%Y-%m-%d %H"}
    world = World(define({"at": at, "hr": "integer"}, timestamp="at"))
    report = world.deliver("y,x,dteday,hr\n1,1,2011-01-01,0\n2,1,2011-01-01,23\n3,1,2011-01-32,4\n")
    assert values(world, "at") == [datetime(2011, 1, 1), datetime(2011, 1, 1, 23)]
    assert values(world, "hr") == [0, 23]
    assert [(problem.column, problem.reason, problem.example) for problem in report.problems] == [
        ("at", "wrong_type", "2011-01-32 4")
    ]
    assert report.undeclared_columns == ()


def test_missing_tokens_hold_for_typed_numbers_too(tmp_path: Path) -> None:
    world = World(define({"v": "number", "n": "integer"}, csv={"missing": ["-200"]}))
    world.deliver(parquet(tmp_path, "SELECT 1.0 AS y, 2.0 AS x, -200 AS v, -200 AS n UNION ALL SELECT 1, 2, 7.5, 8"))
    assert sorted(values(world, "n"), key=str) == [8, None]
    assert sorted(values(world, "v"), key=str) == [7.5, None]


@pytest.mark.parametrize(
    ("column", "sql", "value"),
    [
        ("number", "12.5::DECIMAL(18, 3)", 12.5),
        ("number", "7::HUGEINT", 7.0),
        ("integer", "9007199254740993::BIGINT", 9007199254740993),
        ("integer", "3.0::DOUBLE", 3),
        ("boolean", "1::INTEGER", True),
        ("boolean", "true", True),
        ("category", "5::INTEGER", "5"),
        ("category", "'a'::ENUM('a', 'b')", "a"),
        ("text", "'ü'", "ü"),
        ("timestamp", "DATE '2024-02-29'", datetime(2024, 2, 29)),
        ("timestamp", "TIMESTAMP_NS '2024-02-29 01:02:03.123456789'", datetime(2024, 2, 29, 1, 2, 3, 123457)),
        ("timestamp", "TIMESTAMPTZ '2024-02-29 12:00:00+02'", datetime(2024, 2, 29, 10)),
        ("number", "' 4.5 '", 4.5),
    ],
)
def test_a_parquet_value_is_taken_in_its_own_type(column: str, sql: str, value: object, tmp_path: Path) -> None:
    world = World(define({"v": column}))
    report = world.deliver(parquet(tmp_path, f"SELECT 1.0 AS y, 2.0 AS x, {sql} AS v"))
    assert report.rows.accepted == 1, report.problems
    assert values(world, "v") == [value]


@pytest.mark.parametrize(
    ("column", "sql", "reason"),
    [
        ("number", "'nan'::DOUBLE", "not_finite"),
        ("number", "'inf'::FLOAT", "not_finite"),
        ("number", "true", "wrong_type"),
        ("number", "[1, 2]", "wrong_type"),
        ("integer", "2.5::DOUBLE", "wrong_type"),
        ("integer", "1e30::DOUBLE", "wrong_type"),
        ("integer", "18446744073709551615::UBIGINT", "wrong_type"),
        ("boolean", "2::INTEGER", "wrong_type"),
        ("timestamp", "TIMESTAMP '12000-01-01'", "wrong_type"),
        ("timestamp", "'infinity'::TIMESTAMP", "wrong_type"),
        ("timestamp", "5::INTEGER", "wrong_type"),
    ],
)
def test_a_parquet_value_of_another_type_is_refused(column: str, sql: str, reason: str, tmp_path: Path) -> None:
    world = World(define({"v": column}))
    sound = "SELECT 1.0 AS y, 2.0 AS x, NULL AS v"
    report = world.deliver(parquet(tmp_path, f"{sound} UNION ALL {sound} UNION ALL SELECT 1.0, 2.0, {sql}"))
    assert [(problem.column, problem.reason) for problem in report.problems] == [("v", reason)]


@pytest.mark.parametrize("nested", ["[1, 2]", "{'a': 1}", "map {'a': 1}"])
def test_a_nested_column_nobody_declared_is_ignored_and_kept_in_quarantine(nested: str, tmp_path: Path) -> None:
    world = World(define({}))
    sound = f"SELECT '1' AS y, 2.0 AS x, {nested} AS tags"
    report = world.deliver(parquet(tmp_path, f"{sound} UNION ALL {sound} UNION ALL SELECT 'bad', 2.0, {nested}"))
    assert (report.rows.accepted, report.rows.quarantined, report.undeclared_columns) == (2, 1, ("tags",))
    assert world.quarantined[0]["tags"]


def parquet(folder: Path, query: str) -> bytes:
    path = folder / "delivered.parquet"
    with duckdb.connect() as database:
        database.execute("SET TimeZone = 'UTC'")
        database.execute(f"COPY ({query}) TO '{path}' (FORMAT parquet)")
    return path.read_bytes()
