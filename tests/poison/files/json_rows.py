"""JSON Lines and JSON arrays that break the rules of JSON, or keep them and surprise."""

import json
from typing import Any

from tests.poison.poison import Poison, accepted, rejected

BROKEN = rejected("unreadable_file")
SOUND: list[dict[str, Any]] = [
    {"speed": i + 0.5, "count": i, "kind": "a", "note": "fine", "at": "2026-01-01T00:00:00Z", "broken": i % 2 == 0}
    for i in range(20)
]
DEEP = 5_000


def rows(*faulty: str) -> bytes:
    """JSON Lines: sound rows with faulty ones in their midst."""
    sound = [json.dumps(row) for row in SOUND]
    return "\n".join([*sound[:10], *faulty, *sound[10:], ""]).encode()


def row(**cells: str) -> str:
    """Values are written as they stand in the file."""
    return (
        "{" + ", ".join(f'"{name}": {value}' for name, value in {"speed": "1", "broken": "true", **cells}.items()) + "}"
    )


def array(*faulty: str, end: str = "]") -> bytes:
    return ("[" + ",\n".join([*map(json.dumps, SOUND), *faulty]) + end).encode()


POISON = (
    Poison(
        "tokens.json", rows(row(speed="NaN"), row(speed="Infinity"), row(speed="-Infinity")), accepted(not_finite=3)
    ),
    Poison("too-large-a-number.json", rows(row(speed="1e999"), row(speed="-1e999")), accepted(not_finite=2)),
    Poison(
        "digits-without-end.json",
        rows(row(speed="9" * 5_000), row(count="9" * 5_000)),
        accepted(not_finite=1, wrong_type=1),
    ),
    Poison("deep-array.json", rows(row(note="[" * DEEP + "]" * DEEP)), accepted(), keeps=("[" * DEEP + "]" * DEEP,)),
    Poison("deep-object.json", rows(row(note='{"a":' * DEEP + "1" + "}" * DEEP)), accepted(), rows=21),
    Poison("deeper-array.json", rows(row(note="[" * 200_000 + "]" * 200_000)), accepted(), rows=21),
    Poison("deeper-for-a-number.json", rows(row(speed="[" * 200_000 + "]" * 200_000)), accepted(wrong_type=1)),
    Poison("deep-and-open.json", b"[" * 200_000, BROKEN),
    Poison("deep-and-open-lines.json", b'{"speed":' * 100_000, BROKEN),
    Poison(
        "nested-values.json",
        rows(row(speed='{"a": 1}'), row(count="[1]"), row(kind='"a"')),
        accepted(wrong_type=2),
        rows=23,
    ),
    Poison("cut-off-array.json", array(end=""), BROKEN),
    Poison("cut-off-array-behind-a-comma.json", array(end=","), BROKEN),
    Poison("cut-off-line.json", rows() + b'{"speed": 1, "bro', BROKEN),
    Poison("array-and-more.json", array(end="] and more"), BROKEN),
    Poison("array-twice.json", array() + b"\n" + array(), BROKEN),
    Poison("array-with-comma-at-the-end.json", array(end=",]"), BROKEN),
    Poison("line-and-more.json", rows(row() + " and more"), BROKEN),
    Poison("duplicate-keys.json", rows('{"speed": 1, "speed": 2, "broken": true}'), rejected("duplicate_columns")),
    Poison("duplicate-keys-by-case.json", rows(row(Speed="2")), rejected("duplicate_columns")),
    Poison("numbers-for-rows.json", rows("1", "2"), BROKEN),
    Poison("arrays-for-rows.json", rows("[1, 2]"), BROKEN),
    Poison("array-of-arrays.json", b"[[1, 2], [3, 4]]", BROKEN),
    Poison("array-of-numbers.json", b"[1, 2, 3]", BROKEN),
    Poison("objects-and-others.json", array("3", "null", '"text"'), BROKEN),
    Poison("null-for-a-row.json", rows("null"), BROKEN),
    Poison("one-number.json", b"42\n", rejected("missing_columns", "no_rows")),
    Poison("one-text.json", b'"text"\n', rejected("missing_columns", "no_rows")),
    Poison("empty-array.json", b"[]", rejected("no_rows")),
    Poison("empty-objects.json", b"{}\n{}\n", rejected("missing_columns", "no_rows")),
    Poison("lone-surrogate.json", rows(row(note='"\\ud800"')), BROKEN),
    Poison("nul-escape.json", rows(row(note='"a\\u0000b"')), accepted(nul_character=1)),
    Poison("single-quotes.json", rows("{'speed': 1, 'broken': true}"), BROKEN),
    Poison("comments.json", rows("// a comment"), BROKEN),
    Poison("open-text.json", rows('{"speed": 1, "note": "open'), BROKEN),
    Poison("leading-zeros.json", rows(row(speed="007")), BROKEN),
    Poison("giant-text.json", rows(row(note='"' + "x" * 3 * 2**20 + '"')), rejected("field_too_long")),
    Poison("3000-keys.json", rows(row(**{f"x{i}": "1" for i in range(3_000)})), rejected("too_many_columns")),
    Poison(
        "new-keys-in-each-row.json", rows(*(row(**{f"x{i}": "1"}) for i in range(20_000))), rejected("too_many_columns")
    ),
    Poison(
        "keys-of-sql.json",
        rows(row(**{"'); DROP TABLE pump; --": "1", "{}": "1", "$.a[0]": "1", "": "1"})),
        accepted(),
        rows=21,
    ),
    Poison("missing-target.json", rows('{"speed": 1}', '{"speed": 1, "broken": null}'), accepted(target_missing=2)),
)
