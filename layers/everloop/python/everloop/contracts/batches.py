"""What a delivered file becomes: a staged batch, then a report that says what happened to each row."""

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Literal, Self

from pydantic import AwareDatetime, Field, model_validator

from everloop.contracts.base import Contract
from everloop.contracts.definition import Definition

BATCH_ID_DIGITS = 16
"""64 bits: of a million batches, some two collide with a probability of 1 in 37 million."""


class BatchStatus(StrEnum):
    ACCEPTED = "accepted"
    QUARANTINED = "quarantined"
    """Every row is invalid; all of them are kept in quarantine."""
    REJECTED = "rejected"
    """The file cannot be used as a whole; `reason` says why."""


class Source(Contract):
    """The object that was delivered."""

    bucket: str
    key: str
    version_id: str | None = None
    size_bytes: int = Field(ge=0)
    replay_of: str | None = None
    """The batch whose quarantined rows these are."""
    first_received_at: AwareDatetime | None = None
    """When rows that are replayed came first, before any replay."""


class Format(StrEnum):
    DELIMITED = "csv"
    JSON_LINES = "json-lines"
    JSON_ARRAY = "json-array"
    PARQUET = "parquet"

    @property
    def is_text(self) -> bool:
        return self is not Format.PARQUET

    @property
    def is_json(self) -> bool:
        return self in (Format.JSON_LINES, Format.JSON_ARRAY)


class Reading(Contract):
    """What looking at a file told: enough to read its staged form, which is unpacked and, if it is text, UTF-8."""

    format: Format
    compression: Literal["gzip", "bzip2", "zstd"] | None = None
    encoding: str | None = None
    """Of the delivered text; null for Parquet."""
    delimiter: str | None = None
    quote: str | None = None
    header: bool = True
    """Delimiter, quote and header are those of a delimited file."""
    decimal: Literal[".", ","] = "."
    columns: tuple[str, ...] = ()
    """As the file names them, in its order."""


class StagedBatch(Contract):
    """A file that could be read: it lies unpacked in the lake and waits for validation."""

    batch_id: str
    model: str
    source: Source
    received_at: AwareDatetime
    reading: Reading


class RowCounts(Contract):
    """What became of each row; nothing is ever lost."""

    delivered: int = Field(default=0, ge=0)
    accepted: int = Field(default=0, ge=0)
    quarantined: int = Field(default=0, ge=0)
    duplicates: int = Field(default=0, ge=0)
    """Rows whose row id another row of the same file carries as well, and which were not the newest."""

    @model_validator(mode="after")
    def _add_up(self) -> Self:
        if self.delivered != self.accepted + self.quarantined + self.duplicates:
            raise ValueError(
                f"delivered {self.delivered} is not accepted {self.accepted}"
                f" + quarantined {self.quarantined} + duplicates {self.duplicates}"
            )
        return self


class Problem(Contract):
    """One kind of fault in one column, over all rows that have it."""

    reason: str
    column: str
    rows: int = Field(ge=1)
    expected: str
    example: str | None = None
    """The first value that failed; null when values were missing."""


class Impact(StrEnum):
    COMPATIBLE = "compatible"
    """Worth knowing; nothing has to be done."""
    SUSPICIOUS = "suspicious"
    """The rows are accepted, and a person should look."""
    BREAKING = "breaking"
    """What comes in is no longer what the definition describes."""


class Finding(Contract):
    """Something about a batch as a whole, or one of its columns: by its definition, its history, what is served."""

    reason: str
    impact: Impact
    column: str | None = None
    expected: str
    got: str
    is_schema_change: bool = False
    """What is delivered has changed its shape: told by an event of its own."""

    @property
    def detail(self) -> str:
        return f"expected {self.expected}, got {self.got}"


class BatchReport(Contract):
    batch_id: str
    model: str
    status: BatchStatus
    rows: RowCounts = RowCounts()
    problems: tuple[Problem, ...] = ()
    findings: tuple[Finding, ...] = ()
    reading: Reading | None = None
    """Null when the file could not be read."""
    rows_sha256: str | None = None
    """Of the Parquet file with the accepted rows."""
    undeclared_columns: tuple[str, ...] = ()
    """Columns of the file that the definition does not know; they are ignored."""
    source: Source
    received_at: AwareDatetime
    first_timestamp: datetime | None = None
    last_timestamp: datetime | None = None
    """Of the accepted rows, in the column `timestamp_column`."""
    timestamp_column: str | None = None
    """Which column was the definition's timestamp when the batch was judged."""
    definition_hash: str | None = None
    """Null when no definition was there to judge by."""
    reason: str | None = None
    detail: str | None = None

    @model_validator(mode="after")
    def _reason_goes_with_refusal(self) -> Self:
        if (self.status is BatchStatus.ACCEPTED) != (self.reason is None):
            raise ValueError(f"status {self.status}: expected a reason unless accepted, got {self.reason!r}")
        return self

    @property
    def first_received_at(self) -> datetime:
        """Of the rows; a replay does not make them newer."""
        return self.source.first_received_at or self.received_at

    @property
    def is_unread(self) -> bool:
        """Refused before a single row was read, so that the lake holds nothing of it but this report."""
        return self.status is BatchStatus.REJECTED and self.rows.delivered == 0


def batch_key(model: str, batch_id: str) -> str:
    """Where the lake holds the accepted rows."""
    return f"batches/{model}/{batch_id}.parquet"


def report_key(model: str, batch_id: str) -> str:
    return f"reports/{model}/{batch_id}.json"


def required_columns(definition: Definition) -> tuple[str, ...]:
    """Columns each row must fill: those that are not nullable, the target, the timestamp and the row id."""
    roles = {definition.data.target, definition.data.timestamp, *definition.data.row_id}
    return tuple(name for name, column in definition.columns.items() if name in roles or not column.nullable)


def undeclared_columns(names: Iterable[str], definition: Definition) -> tuple[str, ...]:
    parts = {part for column in definition.columns.values() for part in column.parts}
    return tuple(name for name in names if name not in definition.columns and name not in parts)


def is_delivered(name: str, definition: Definition, names: Collection[str]) -> bool:
    """Whether a file with columns of these names fills the declared column: by its name, or by its parts."""
    parts = definition.columns[name].parts
    return name in names or (bool(parts) and all(part in names for part in parts))


def find_missing_columns(names: Collection[str], definition: Definition) -> Finding | None:
    """None when the file has each required column, otherwise what is missing and what is there instead."""
    missing = [
        lacking
        for name in required_columns(definition)
        if not is_delivered(name, definition, names)
        for lacking in _lacking(definition.columns[name].parts, names) or [name]
    ]
    if not missing:
        return None
    instead = some_of(undeclared_columns(names, definition))
    return Finding(
        reason="missing_columns",
        impact=Impact.BREAKING,
        is_schema_change=True,
        column=missing[0] if len(missing) == 1 else None,
        expected=f"{'column' if len(missing) == 1 else 'columns'} {some_of(missing)}",
        got=f"a file without; columns it has that {definition.name}.toml does not declare: {instead}",
    )


def _lacking(parts: Sequence[str], names: Collection[str]) -> list[str]:
    """Which parts of a column are not there, if others are: then the file means to deliver it by them."""
    lacking = [part for part in parts if part not in names]
    return lacking if len(lacking) < len(parts) else []


def some_of(names: Sequence[str]) -> str:
    """The first few, as people read them."""
    more = f" and {len(names) - _NAMES_SHOWN} more" if len(names) > _NAMES_SHOWN else ""
    return ", ".join(repr(name[:_NAME_CHARACTERS_SHOWN]) for name in names[:_NAMES_SHOWN]) + more or "none"


_NAMES_SHOWN = 10
_NAME_CHARACTERS_SHOWN = 100
