"""A judged batch as findings see it: its accepted rows, and what was counted while they were judged."""

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import duckdb
import numpy as np
from numpy.typing import NDArray

from everloop.contracts.batches import Problem, Reading, RowCounts
from everloop.contracts.definition import Definition
from everloop.features.profile import Profile


@dataclass(frozen=True)
class JudgedBatch:
    definition: Definition
    reading: Reading
    received_at: datetime
    rows: RowCounts
    problems: tuple[Problem, ...]
    profile: Profile
    """Of the accepted rows."""
    first_timestamp: datetime | None
    last_timestamp: datetime | None
    accepted: Path
    """Parquet with the accepted rows in their types."""
    database: duckdb.DuckDBPyConnection
    row_keys: NDArray[np.uint64]
    """Hashes of the accepted rows' row ids, sorted; empty without row id."""
    is_replay: bool = False
    """Rows that were quarantined before: their number, age and shares say nothing of the source."""
