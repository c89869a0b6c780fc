"""A draft: all that goes into a definition, each with its reason."""

from dataclasses import dataclass
from enum import StrEnum

from everloop.contracts.columns import Column, Csv
from everloop.contracts.forecast import Forecast
from everloop.drafting.facts import Facts
from everloop.drafting.tasks import Goal


class Role(StrEnum):
    TARGET = "target"
    TIMESTAMP = "timestamp"
    ROW_ID = "row id"
    INPUT = "input"
    PART = "part of the timestamp"
    SUSPECT = "leak suspect"
    LEFT_OUT = "left out"

    @property
    def is_declared(self) -> bool:
        return self in (Role.TARGET, Role.TIMESTAMP, Role.ROW_ID, Role.INPUT)


@dataclass(frozen=True)
class DraftColumn:
    name: str
    column: Column
    """As it is declared, or would be."""
    role: Role
    facts: Facts | None
    """None for a moment that is put together of other columns."""
    shown: str
    """Its range or its levels, for people."""
    why: str = ""

    @property
    def nulls(self) -> str:
        """For people; empty if there are none."""
        if self.facts is None or self.facts.present == self.facts.rows:
            return ""
        share = self.facts.null_share
        return f"{share:.1%} null" if share >= 0.001 else f"{self.facts.rows - self.facts.present:,} null"


@dataclass(frozen=True)
class Draft:
    name: str
    file: str
    rows: int
    target: str
    goal: Goal
    columns: tuple[DraftColumn, ...]
    csv: Csv
    timestamp: str | None
    timestamp_rivals: tuple[str, ...]
    """Columns that could be the timestamp instead."""
    row_id: str | None
    possible_row_id: str | None
    """What to offer where no column is taken for the row id."""
    entity: str | None
    """A column that may be one: whether it is, only a person knows."""
    forecast: Forecast | None
    features: dict[str, str]
    splits_by_time: bool
    minimum_training_rows: int | None
    """None leaves it to the default."""
    maximum_invalid_share: float | None
    notes: tuple[str, ...]
    """What a person should know before anything is uploaded."""

    @property
    def declared(self) -> tuple[DraftColumn, ...]:
        return tuple(column for column in self.columns if column.role.is_declared)

    @property
    def left_out(self) -> tuple[DraftColumn, ...]:
        return tuple(column for column in self.columns if not column.role.is_declared and column not in self.suspects)

    @property
    def suspects(self) -> tuple[DraftColumn, ...]:
        return tuple(column for column in self.columns if column.role is Role.SUSPECT)
