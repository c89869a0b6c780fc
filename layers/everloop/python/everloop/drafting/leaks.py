"""Ask the leak detectors about the columns of a draft, on a sample of the rows."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from everloop.contracts.definition import Task
from everloop.drafting.drafted import DraftColumn
from everloop.drafting.facts import NUMBERED, PLACE, Delivered
from everloop.features.leakage import suspects

SAMPLE_ROWS = 50_000
"""Evenly spaced; everything else in a draft is told by all rows."""


def leaks(
    delivered: Delivered, columns: Sequence[DraftColumn], sql: Mapping[str, str], target: str, task: Task
) -> dict[str, str]:
    """Column → evidence, of those that seem to know the target; `sql` reads each as its declared type."""
    arrays = _arrays(delivered, columns, sql)
    outcome = arrays.pop(target)
    return {found.column: found.evidence for found in suspects(arrays, outcome, task)}


def _arrays(delivered: Delivered, columns: Sequence[DraftColumn], sql: Mapping[str, str]) -> dict[str, NDArray[Any]]:
    """float64 with NaN for null, or text with ''."""
    every = max(1, delivered.rows // SAMPLE_ROWS)
    listed = ", ".join(
        f"coalesce({sql[column.name]}, '') AS c{place}"
        if column.column.type.is_textual
        else f"coalesce(CAST({sql[column.name]} AS DOUBLE), 'nan'::DOUBLE) AS c{place}"
        for place, column in enumerate(columns)
    )
    found = delivered.database.execute(f"SELECT {listed} FROM {NUMBERED} WHERE {PLACE} % {every} = 0").fetchnumpy()
    return {
        column.name: np.asarray(found[f"c{place}"], object if column.column.type.is_textual else np.float64)
        for place, column in enumerate(columns)
    }
