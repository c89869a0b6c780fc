"""What a user says of a column, and of how its values are written in files."""

import codecs
from enum import StrEnum
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from everloop.contracts.base import Contract, listed


class ColumnType(StrEnum):
    NUMBER = "number"
    INTEGER = "integer"
    BOOLEAN = "boolean"
    CATEGORY = "category"
    TEXT = "text"
    TIMESTAMP = "timestamp"

    @property
    def is_textual(self) -> bool:
        return self in (ColumnType.CATEGORY, ColumnType.TEXT)

    @property
    def is_numeric(self) -> bool:
        return self in (ColumnType.NUMBER, ColumnType.INTEGER)

    @property
    def is_profiled(self) -> bool:
        """Free text says nothing by its levels."""
        return self is not ColumnType.TEXT


ROW_NUMBER = "_row"
REASONS = "_reasons"
RESERVED_COLUMNS = frozenset({ROW_NUMBER, REASONS})
"""What quarantine files add. Uploading a mended quarantine file is natural, so deliveries may carry and lose them."""
_OWN_PREFIX = "everloop "
"""Of the columns that the package adds to tables while it works on them."""
_NAMES_OF_DUCKDB = frozenset({"filename", "file_row_number"})
"""What it adds to the rows of several Parquet files."""


def may_be_declared(column: str) -> bool:
    name = column.lower()
    return column not in RESERVED_COLUMNS and name not in _NAMES_OF_DUCKDB and not name.startswith(_OWN_PREFIX)


Texts = Annotated[tuple[str, ...], BeforeValidator(listed)]


class Column(Contract):
    type: ColumnType
    nullable: bool = True
    maximum_null_share: float | None = Field(default=None, ge=0, le=1)
    """Above it a batch is reported as suspicious; its rows are still accepted."""
    minimum: float | None = None
    maximum: float | None = None
    allowed: tuple[str, ...] | None = None
    format: Texts = ()
    """How a timestamp is written (strptime), tried in turn; empty: `data.csv.timestamp_format`, then ISO 8601."""
    parts: tuple[str, ...] = ()
    """Columns of the file whose texts, joined by a space, make this timestamp; a column of its own name goes first."""
    monotone: Literal["increasing", "decreasing"] | None = None
    """How the answer goes with this column, all else being equal: fits keep to it, and who does not is refused."""
    learned: bool = True
    """False for a column that is carried for features and the log, and not learned from as it is."""
    pii: Literal["hash", "drop"] | None = None
    """Of personal data: what the prediction log has in its place, a hash or nothing."""
    description: str = ""

    @property
    def direction(self) -> int:
        """1 increasing, -1 decreasing, 0 where none is declared."""
        return {"increasing": 1, "decreasing": -1, None: 0}[self.monotone]

    @model_validator(mode="after")
    def _constraints_fit_the_type(self) -> Self:
        if self.allowed is not None and not self.type.is_textual:
            raise ValueError(f"'allowed' is for category and text columns, this one is a {self.type}")
        bounded = self.minimum is not None or self.maximum is not None
        if bounded and self.type not in (ColumnType.NUMBER, ColumnType.INTEGER):
            raise ValueError(f"'minimum' and 'maximum' are for number and integer columns, this one is a {self.type}")
        if self.minimum is not None and self.maximum is not None and self.minimum > self.maximum:
            raise ValueError(f"minimum {self.minimum} is above maximum {self.maximum}")
        if (self.format or self.parts) and self.type is not ColumnType.TIMESTAMP:
            raise ValueError(f"'format' and 'parts' are for timestamp columns, this one is a {self.type}")
        if self.monotone and not self.type.is_numeric:
            raise ValueError(f"'monotone' is for number and integer columns, this one is a {self.type}")
        if self.maximum_null_share is not None and not self.nullable:
            raise ValueError("'maximum_null_share' is for nullable columns; this one may have no null at all")
        return self


def expand_column(value: Any) -> Any:
    """`amount = "number"` is short for `[columns.amount] type = "number"`."""
    return {"type": value} if isinstance(value, str) else value


def _is_text_encoding(name: str) -> str:
    try:
        codecs.getincrementaldecoder(name)().decode(b"")
    except (LookupError, TypeError, UnicodeError) as error:
        raise ValueError(f"{name!r} is no text encoding; expected one such as 'utf-8', 'cp1252' or 'utf-16'") from error
    return name


class Csv(Contract):
    """What cannot be seen in a delimited file, or shall not be guessed. What is left out is found by looking.

    `decimal`, `missing` and `timestamp_format` say how texts are meant, and hold for texts in any other format too.
    """

    delimiter: str | None = Field(default=None, min_length=1, max_length=1)
    quote: str | None = Field(default=None, min_length=1, max_length=1)
    decimal: Literal[".", ","] | None = None
    encoding: Annotated[str, AfterValidator(_is_text_encoding)] | None = None
    header: bool | None = None
    names: tuple[str, ...] = ()
    """Of the columns of a file without a header; empty: the declared columns, in their order."""
    missing: Texts = ()
    """Texts that mean null, such as "unknown" or "-200"; empty text always does."""
    timestamp_format: Texts = ()

    @model_validator(mode="after")
    def _signs_differ(self) -> Self:
        signs = {"delimiter": self.delimiter, "quote": self.quote}
        for role, sign in signs.items():
            if sign is not None and sign in "\r\n\0":
                raise ValueError(f"{role} {sign!r}: line ends and NUL cannot be one")
        if self.delimiter is not None and self.delimiter == (self.quote or '"'):
            raise ValueError(f"delimiter and quote are both {self.delimiter!r}; expected different characters")
        return self
