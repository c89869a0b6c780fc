"""Each value by the rule of its column: what is read, and what is refused for which reason."""

from datetime import datetime
from typing import Any

import pytest

from everloop.validation.checks import CHECKS
from tests.unit.validation.conftest import World, define

PLENTY = [{"v": None}, {"v": None}]
"""Sound rows beside the one in question, so that the batch is accepted."""

NUMBER, INTEGER, BOOLEAN, TIMESTAMP = "number", "integer", "boolean", "timestamp"


@pytest.mark.parametrize(
    ("column", "text", "value"),
    [
        (NUMBER, "12.5", 12.5),
        (NUMBER, " -1e3 ", -1000.0),
        (NUMBER, "+.5", 0.5),
        (NUMBER, "1e-400", 0.0),
        (NUMBER, "", None),
        (NUMBER, "  ", None),
        (INTEGER, "-7", -7),
        (INTEGER, "2004.0", 2004),
        (INTEGER, "1e3", 1000),
        (INTEGER, "9007199254740993", 9007199254740993),
        (INTEGER, "-9223372036854775808", -(2**63)),
        (BOOLEAN, "TRUE", True),
        (BOOLEAN, "1.0", True),
        (BOOLEAN, "no", False),
        (BOOLEAN, "0", False),
        (TIMESTAMP, "2026-01-31T12:00:00Z", datetime(2026, 1, 31, 12)),
        (TIMESTAMP, "2026-01-31T12:00:00+02:00", datetime(2026, 1, 31, 10)),
        (TIMESTAMP, "2026-01-31 12:00", datetime(2026, 1, 31, 12)),
        (TIMESTAMP, "2026-01-31 12:00:00+00", datetime(2026, 1, 31, 12)),
        (TIMESTAMP, "2026-01-31", datetime(2026, 1, 31)),
        (TIMESTAMP, "2026-01-31T12:00:00.123456789Z", datetime(2026, 1, 31, 12, 0, 0, 123456)),
        ("category", " NA ", " NA "),
        ("category", "", None),
        ("text", "Ünïcode 🙂", "Ünïcode 🙂"),
        ({"type": "number", "minimum": 0, "maximum": 1}, "0", 0.0),
        ({"type": "number", "minimum": 0, "maximum": 1}, "1", 1.0),
        ({"type": "integer", "maximum": 9}, "9", 9),
        ({"type": "category", "allowed": ["it's", "b"]}, "it's", "it's"),
    ],
)
def test_a_sound_value_is_read(column: Any, text: str, value: object) -> None:
    world = World(define({"v": column}))
    report = world.validate(*PLENTY, {"v": text})
    assert report.rows.accepted == 3, report.problems
    assert world.accepted[2]["v"] == value


@pytest.mark.parametrize(
    ("column", "text", "reason"),
    [
        *(
            (NUMBER, text, "wrong_type")
            for text in ("abc", "1,5", "1_000", "0x10", "1.2.3", "NA", "1 2", "true", "５", "+-5")
        ),
        *((NUMBER, text, "not_finite") for text in ("1e400", "-1e400", "inf", "-Infinity", "nan", "NaN")),
        *(
            (INTEGER, text, "wrong_type")
            for text in ("12.5", "1e400", "1e17", "0x10", "1_0", ".5", "9223372036854775808")
        ),
        *((BOOLEAN, text, "wrong_type") for text in ("2", "maybe", "tru", "NaN")),
        *(
            (TIMESTAMP, text, "wrong_type")
            for text in (
                "20/01/2026",
                "2026-02-30",
                "infinity",
                "epoch",
                "1767225600",
                "290000-01-01",
                "now",
                "12",
                "2026-01-01T00:00+25:00",
            )
        ),
        ({"type": "number", "minimum": 0}, "-0.001", "below_minimum"),
        ({"type": "number", "maximum": 1}, "1.001", "above_maximum"),
        ({"type": "integer", "minimum": 5}, "4", "below_minimum"),
        ({"type": "number", "maximum": 1}, "nan", "not_finite"),
        ({"type": "category", "allowed": ["a", "b"]}, "c", "not_allowed"),
        ({"type": "category", "allowed": ["a", "b"]}, "A", "not_allowed"),
        ({"type": "category", "allowed": ["a", "b"]}, " ", "not_allowed"),
        ("text", "a\0b", "nul_character"),
        ("category", "\0", "nul_character"),
    ],
)
def test_an_unsound_value_is_quarantined(column: Any, text: str, reason: str) -> None:
    world = World(define({"v": column}))
    report = world.validate(*PLENTY, {"v": text})
    [problem] = report.problems
    assert (problem.reason, problem.column, problem.rows, problem.example) == (reason, "v", 1, text)
    [row] = world.quarantined
    assert row == {"y": "1", "x": "1", "v": text, "_row": 3, "_reasons": row["_reasons"]}
    assert row["_reasons"] == [{"column": "v", "reason": reason, "got": text, "expected": problem.expected}]


@pytest.mark.parametrize("empty", [None, ""])
@pytest.mark.parametrize("kind", ["number", "integer", "boolean", "category", "text", "timestamp"])
def test_a_value_that_must_be_there_is_missed(kind: str, empty: str | None) -> None:
    sound = {"number": "1", "integer": "1", "boolean": "true", "timestamp": "2026-01-01"}.get(kind, "a")
    world = World(define({"v": {"type": kind, "nullable": False}}))
    report = world.validate({"v": sound}, {"v": empty})
    assert [(problem.reason, problem.example) for problem in report.problems] == [("missing_value", None)]
    assert world.quarantined[0]["_reasons"][0]["got"] is None


def test_timestamp_and_row_id_must_be_there_though_nobody_said_so() -> None:
    world = World(define({"at": "timestamp", "id": "text"}, timestamp="at", row_id=["id"]))
    sound = {"at": "2026-01-01", "id": "a"}
    report = world.validate(sound, sound, {"at": "2026-01-01"}, {"id": "b"})
    assert {(problem.reason, problem.column) for problem in report.problems} == {
        ("missing_value", "at"),
        ("missing_value", "id"),
    }


def test_a_row_without_target_has_a_reason_of_its_own(world: World) -> None:
    report = world.validate({"y": "1"}, {"y": ""})
    assert [problem.reason for problem in report.problems] == ["target_missing"]


def test_a_row_names_each_of_its_faults(world: World) -> None:
    world.validate({}, {}, {"y": "abc", "x": "1e400"})
    assert [(fault["column"], fault["reason"]) for fault in world.quarantined[0]["_reasons"]] == [
        ("y", "wrong_type"),
        ("x", "not_finite"),
    ]


def test_a_long_value_is_shown_in_part_and_kept_whole() -> None:
    world = World(define({"v": "number"}))
    report = world.validate({"v": None}, {"v": "z" * 5000})
    assert report.problems[0].example == "z" * 200
    assert world.quarantined[0]["v"] == "z" * 5000


def test_a_long_list_of_levels_is_abridged() -> None:
    world = World(define({"v": {"type": "category", "allowed": [f"level{i}" for i in range(25)]}}))
    report = world.validate({"v": "level24"}, {"v": "x"})
    assert report.problems[0].expected.endswith("level19, … (5 more)")


def test_each_check_lies_in_a_file_of_its_name() -> None:
    assert [check.__module__.rpartition(".")[2] for check in CHECKS.values()] == list(CHECKS)
