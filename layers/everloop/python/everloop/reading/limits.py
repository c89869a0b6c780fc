"""How large a delivery may be; a larger data set is uploaded as several files."""

from dataclasses import dataclass

MIB = 2**20
KIB = 2**10


@dataclass(frozen=True, kw_only=True)
class Limits:
    """The defaults are those of the settings of ingestion."""

    file_bytes: int = 256 * MIB
    unpacked_bytes: int = 1024 * MIB
    unpacking_ratio: int = 200
    """Unpacked bytes for each packed one; text rarely reaches 30, bombs reach 1,000."""
    columns: int = 2_000
    field_bytes: int = MIB
    """Of a value, and of the line or object that it is part of."""
