"""What a poison file is, what must become of it, and the sound rows that poison hides among."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from everloop.contracts.definition import Definition

PUMP = Definition.model_validate(
    {
        "name": "pump",
        "task": "binary-classification",
        "data": {"target": "broken"},
        "columns": {
            "speed": {"type": "number", "nullable": False},
            "count": "integer",
            "kind": "category",
            "note": "text",
            "at": "timestamp",
            "broken": "boolean",
        },
    }
)
CLASHING = Definition.model_validate(
    {
        "name": "clashing",
        "task": "regression",
        "data": {"target": "v0", "row_id": ["rows"]},
        "columns": {
            "rows": {"type": "text", "nullable": False},
            **dict.fromkeys(("v0", "r0", "d0", "c0", "v1", "failures"), "number"),
            **dict.fromkeys(("select", "rule", "reasons", "got", "json", "count"), "category"),
        },
    }
)
"""Its columns have the names that generated SQL might use for itself."""

DEFINITIONS = {definition.name: definition for definition in (PUMP, CLASHING)}

HEADER = ",".join(PUMP.columns)
SOUND = tuple(f"{i}.5,{i},a,fine,2026-01-01T00:00:{i:02d}Z,{'true' if i % 2 else 'false'}" for i in range(1, 21))


class Expected(NamedTuple):
    status: str
    reasons: tuple[str, ...] = ()
    """Of the whole file; one of them."""
    problems: Mapping[str, int] = {}
    """Faulty values by reason."""


def accepted(**problems: int) -> Expected:
    """With so many faulty values, whose rows are quarantined."""
    return Expected("accepted", problems=problems)


def rejected(*reasons: str, **problems: int) -> Expected:
    return Expected("rejected", reasons, problems)


@dataclass(frozen=True)
class Poison:
    name: str
    body: bytes | Callable[[], bytes] = field(repr=False)
    expected: Expected
    keeps: tuple[str, ...] = ()
    """Texts that the accepted rows hold in the column `note`, unchanged."""
    rows: int | None = None
    """Delivered, if accepted; None: twenty, and one for each faulty value and each text it keeps."""
    key: str = ""
    """Of the upload; empty: uploads/pump/{name}."""

    def make(self) -> bytes:
        return self.body if isinstance(self.body, bytes) else self.body()

    @property
    def delivered(self) -> int:
        """Rows of an accepted file."""
        own = sum(self.expected.problems.values()) + len(self.keeps)
        return 20 + own if self.rows is None else self.rows

    @property
    def upload_key(self) -> str:
        return self.key or f"uploads/pump/{self.name}"


def lines(*faulty: str, header: str = HEADER, end: str = "\n") -> str:
    """A delimited file of 20 sound rows with faulty ones in their midst."""
    return end.join([header, *SOUND[:10], *faulty, *SOUND[10:], ""])


def table(*faulty: str, header: str = HEADER, end: str = "\n") -> bytes:
    return lines(*faulty, header=header, end=end).encode()


def noted(*notes: str) -> bytes:
    """Sound rows that carry these notes, written as they stand in the file."""
    return table(*(f"1,1,a,{note},,true" for note in notes))


def with_cells(column: str, *values: str) -> bytes:
    """One row for each value, else sound; values are written as they stand in the file."""
    rows = []
    for value in values:
        cells = {"speed": "1", "count": "1", "kind": "a", "note": "", "at": "", "broken": "true", column: value}
        rows.append(",".join(cells.values()))
    return table(*rows)


SOUND_CSV = table()
