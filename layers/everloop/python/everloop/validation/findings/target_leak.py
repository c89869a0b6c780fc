"""An input that alone predicts the target almost perfectly: most likely filled in once the target was known."""

from collections.abc import Iterator
from typing import Any

from numpy.typing import NDArray

from everloop.contracts.batches import Finding, Impact
from everloop.contracts.columns import ColumnType
from everloop.contracts.definition import Definition
from everloop.contracts.tasks import Task
from everloop.features.leakage import (
    SUSPICIOUS_STRENGTH,
    Suspect,
    Typed,
    is_telling,
    lone_predictors,
    read_arrays,
    sample,
    telling_words,
)
from everloop.reading.paths import path_literal
from everloop.sql import identifier
from everloop.validation.batch import JudgedBatch
from everloop.validation.history import History

SAMPLED_ROWS = 20_000
CLEARED = 0.9
"""A column below it in a tenth of the sample is not near 0.995 in all of it."""

Columns = dict[str, NDArray[Any]]


def check(batch: JudgedBatch, history: History) -> Iterator[Finding]:
    definition = batch.definition
    if definition.recommendation:
        return  # who takes what tells everything, and betrays nothing
    target, task = definition.data.target, definition.task
    for rows in _samples(batch.rows.accepted):
        outcome = _read(batch, [target], rows).get(target)
        if outcome is None or not is_telling(outcome, task):
            continue
        columns = _promising(_read(batch, _inputs(definition), rows), outcome, task)
        for suspect in _suspects(columns, outcome, task).values():
            yield Finding(
                reason="target_leak",
                impact=Impact.SUSPICIOUS,
                column=suspect.column,
                expected="inputs known before the target, none of which tells it alone",
                got=suspect.evidence,
            )
        return


def _promising(columns: Columns, outcome: NDArray[Any], task: Task) -> Columns:
    """Those that a tenth of the rows do not clear: most columns are far from suspicion, and cost little so."""
    few, target = sample(columns, outcome, maximum_rows=SAMPLED_ROWS // 10)
    if not is_telling(target, task):
        return columns
    return {name: columns[name] for name in _suspects(few, target, task, strength_from=CLEARED)}


def _suspects(
    columns: Columns, outcome: NDArray[Any], task: Task, *, strength_from: float = SUSPICIOUS_STRENGTH
) -> dict[str, Suspect]:
    found: dict[str, Suspect] = {}
    for detect in (lone_predictors, telling_words):
        for suspect in detect(columns, outcome, task, strength_from=strength_from):
            found.setdefault(suspect.column, suspect)
    return found


def _samples(rows: int) -> Iterator[str]:
    """SQL after the table: the first rows, which are cheap to read; rows from everywhere if those do not tell."""
    yield f"LIMIT {SAMPLED_ROWS}"
    if rows > SAMPLED_ROWS:
        yield f"WHERE file_row_number % {-(-rows // SAMPLED_ROWS)} = 0"


def _inputs(definition: Definition) -> list[str]:
    """The entity and the time of a row are known, as is a text that names one: they tell of trends and habits."""
    known = {definition.data.entity, definition.data.timestamp}
    learned = definition.model_columns
    return [
        name
        for name, column in definition.inputs.items()
        if name not in known and (name in learned or column.type is not ColumnType.TEXT)
    ]


def _read(batch: JudgedBatch, names: list[str], rows: str) -> Columns:
    source = f"read_parquet({path_literal(batch.accepted)}, file_row_number = true) {rows}"
    typed = {name: Typed(batch.definition.columns[name].type, identifier(name)) for name in names}
    return read_arrays(batch.database, source, typed)
