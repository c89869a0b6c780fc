"""The quick look and the exact one agree: on who is valid, and on the profile."""

import random
from typing import Any

import pytest

from everloop.contracts.definition import Definition
from everloop.validation import rows as judging
from tests.unit.validation.conftest import World, define

COLUMNS = {
    "n": {"type": "number", "minimum": 0, "maximum": 10},
    "i": "integer",
    "b": "boolean",
    "c": {"type": "category", "allowed": ["a", "b", "it's"]},
    "t": "text",
    "at": {"type": "timestamp", "nullable": False},
    "id": "text",
}
SOUND: dict[str, list[str]] = {
    "n": ["1.5", " 2 ", "", "0", "10", "1e0", "+.5"],
    "i": ["1", "-7", "2.0", "", "1e3"],
    "b": ["true", "no", "", "1"],
    "c": ["a", "b", "it's", ""],
    "t": ["free", "", "Ünïcode", " "],
    "at": ["2026-01-31", "2026-01-31T12:00:00Z"],
}
POISON = {
    "n": ["-1", "11", "1e400", "nan", "abc", "1_0", "+-5", "  "],
    "i": [
        "1.5",
        "1e17",
        "9007199254740993",
        "9223372036854775808",
        "2024_01",
        "1.00000000000000000001",
        "4503599627370497.4",
    ],
    "b": ["2", "maybe"],
    "c": ["C", " a"],
    "at": ["", "yesterday", "infinity"],
}


def definition() -> Definition:
    return define(COLUMNS, timestamp="at", row_id=["id"])


def file(seed: int, *, poison: tuple[str, str] | None) -> str:
    draw = random.Random(seed)
    lines = ["y,x,n,i,b,c,t,at,id"]
    place = draw.randrange(50)
    for number in range(50):
        row: dict[str, str] = {name: draw.choice(texts) for name, texts in SOUND.items()}
        if poison and number == place:
            row[poison[0]] = poison[1]
        lines.append(",".join(["1", "2", *(f'"{value}"' for value in row.values()), f"k{number}"]))
    return "\n".join(lines)


CASES: list[tuple[str, str] | None] = [None, *((name, text) for name, texts in POISON.items() for text in texts)]


@pytest.mark.parametrize("poison", CASES)
def test_a_quick_look_never_changes_the_answer(poison: tuple[str, str] | None, monkeypatch: pytest.MonkeyPatch) -> None:
    for seed in range(3):
        quick, exact = World(definition()), World(definition())
        quickly = quick.deliver(file(seed, poison=poison))
        with monkeypatch.context() as patch:
            patch.setattr(judging.JudgedRows, "_look_quickly", lambda *_: None)
            exactly = exact.deliver(file(seed, poison=poison))
        assert quickly == exactly
        assert facts(quick) == facts(exact)


def facts(world: World) -> Any:
    profile = {key: body for key, body in world.lake.objects.items() if key.startswith("profiles/")}
    return world.accepted, [{**row} for row in _quarantined(world)], profile


def _quarantined(world: World) -> list[dict[str, Any]]:
    return world.quarantined if any(key.startswith("quarantine/") for key in world.lake.objects) else []
