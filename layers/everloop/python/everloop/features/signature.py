"""The kinds a feature's values have, and the signatures by which operators take and give them."""

from collections.abc import Callable, Sequence
from enum import StrEnum

from everloop.contracts.columns import ColumnType


class Kind(StrEnum):
    NUMBER = "number"
    BOOLEAN = "boolean"
    TEXT = "text"
    TIMESTAMP = "timestamp"
    NULL = "NULL"
    """A bare NULL, before it takes the kind that its place asks for."""


KIND_OF_COLUMN: dict[ColumnType, Kind] = {
    ColumnType.NUMBER: Kind.NUMBER,
    ColumnType.INTEGER: Kind.NUMBER,
    ColumnType.BOOLEAN: Kind.BOOLEAN,
    ColumnType.CATEGORY: Kind.TEXT,
    ColumnType.TEXT: Kind.TEXT,
    ColumnType.TIMESTAMP: Kind.TIMESTAMP,
}

EVERY_KIND = frozenset({Kind.NUMBER, Kind.BOOLEAN, Kind.TEXT, Kind.TIMESTAMP})
ORDERED_KINDS = frozenset({Kind.NUMBER, Kind.TIMESTAMP})


class SignatureError(ValueError):
    """Arguments of the wrong kind; the message goes into a DefinitionError."""


Signature = Callable[[Sequence[Kind]], tuple[list[Kind], Kind]]
"""From the kinds that came to the kinds the arguments take (a NULL takes its neighbour's) and the result's kind."""


def unify(kinds: Sequence[Kind], among: frozenset[Kind] = EVERY_KIND) -> Kind:
    """The one kind that all of them can take; raises SignatureError."""
    found = sorted(set(kinds) - {Kind.NULL})
    if not found:
        raise SignatureError("every value here is NULL; use a column")
    if len(found) > 1:
        hint = "; a timestamp is written TIMESTAMP '2024-01-31 12:00:00'" if Kind.TIMESTAMP in found else ""
        raise SignatureError(f"expected values of one kind, got {' and '.join(found)}{hint}")
    if found[0] not in among:
        raise SignatureError(f"expected {' or '.join(sorted(among))}, got {found[0]}")
    return found[0]


_HINTS = {
    (Kind.NUMBER, Kind.TIMESTAMP): "; between timestamps write epoch(a) - epoch(b) or date_diff('day', a, b)",
    (Kind.NUMBER, Kind.BOOLEAN): "; write CAST(… AS INTEGER)",
    (Kind.BOOLEAN, Kind.NUMBER): "; write … <> 0",
    (Kind.TEXT, Kind.NUMBER): "; ONNX does not write a number as SQL does",
}


def _expect(kind: Kind, kinds: Sequence[Kind]) -> None:
    for came in kinds:
        if came not in (kind, Kind.NULL):
            raise SignatureError(f"expected {kind}, got {came}{_HINTS.get((kind, came), '')}")


def all_of(kind: Kind, *, gives: Kind) -> Signature:
    """f(kind, kind, …) → gives."""

    def signature(kinds: Sequence[Kind]) -> tuple[list[Kind], Kind]:
        _expect(kind, kinds)
        return [kind] * len(kinds), gives

    return signature


def alike(among: frozenset[Kind], *, gives: Kind | None = None) -> Signature:
    """f(K, K, …) → gives, or K itself."""

    def signature(kinds: Sequence[Kind]) -> tuple[list[Kind], Kind]:
        kind = unify(kinds, among)
        return [kind] * len(kinds), gives or kind

    return signature


def cases(kinds: Sequence[Kind]) -> tuple[list[Kind], Kind]:
    """(condition, value, condition, value, …, default): boolean conditions, values of one kind."""
    result = unify([*kinds[1::2], kinds[-1]])
    _expect(Kind.BOOLEAN, kinds[:-1:2])
    return [Kind.BOOLEAN, result] * (len(kinds) // 2) + [result], result
