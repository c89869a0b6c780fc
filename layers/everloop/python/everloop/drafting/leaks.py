"""Ask the leak detectors about the columns of a draft, on a sample of the rows."""

from collections.abc import Mapping, Sequence

from everloop.contracts.tasks import Task
from everloop.drafting.drafted import DraftColumn
from everloop.drafting.facts import NUMBERED, PLACE, Delivered
from everloop.features.leakage import Typed, read_arrays, suspects

SAMPLE_ROWS = 50_000
"""Evenly spaced; everything else in a draft is told by all rows."""


def leaks(
    delivered: Delivered, columns: Sequence[DraftColumn], sql: Mapping[str, str], target: str, task: Task
) -> dict[str, str]:
    """Column → evidence, of those that seem to know the target; `sql` reads each as its declared type."""
    every = max(1, delivered.rows // SAMPLE_ROWS)
    typed = {column.name: Typed(column.column.type, sql[column.name]) for column in columns}
    arrays = read_arrays(delivered.database, f"{NUMBERED} WHERE {PLACE} % {every} = 0", typed)
    outcome = arrays.pop(target)
    return {found.column: found.evidence for found in suspects(arrays, outcome, task)}
