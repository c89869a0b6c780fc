"""A column that nobody declared, and that the batch before did not have either: ignored until it is declared.

Of a model's first batch the report lists the undeclared columns; that they are left out may well be meant.
"""

from collections.abc import Iterator

from everloop.contracts.batches import Finding, Impact, undeclared_columns
from everloop.contracts.columns import RESERVED_COLUMNS
from everloop.validation.batch import JudgedBatch
from everloop.validation.history import History


def check(batch: JudgedBatch, history: History) -> Iterator[Finding]:
    if not history.previous:
        return
    known = {*RESERVED_COLUMNS, *history.previous.undeclared_columns, *history.delivered_columns}
    for name in undeclared_columns(batch.reading.columns, batch.definition):
        if name not in known:
            yield Finding(
                reason="new_column",
                impact=Impact.COMPATIBLE,
                is_schema_change=True,
                column=name,
                expected=f"columns that {batch.definition.name}.toml declares",
                got="a column it does not declare",
            )
