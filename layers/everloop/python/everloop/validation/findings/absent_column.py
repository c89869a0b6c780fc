"""A nullable column that the file lacks: it is empty in all rows."""

from collections.abc import Iterator

from everloop.contracts.batches import Finding, Impact, is_delivered, required_columns, undeclared_columns
from everloop.validation.batch import JudgedBatch
from everloop.validation.findings.wording import listed
from everloop.validation.history import History


def check(batch: JudgedBatch, history: History) -> Iterator[Finding]:
    definition, names = batch.definition, batch.reading.columns
    required = required_columns(definition)
    for name in definition.columns:
        if name in required or is_delivered(name, definition, names):
            continue
        was_there = is_delivered(name, definition, history.delivered_columns)
        yield Finding(
            reason="absent_column",
            impact=Impact.SUSPICIOUS if was_there else Impact.COMPATIBLE,
            is_schema_change=True,
            column=name,
            expected="this column, as in the batch before" if was_there else "this column",
            got=f"undeclared columns: {listed(undeclared_columns(names, definition))}",
        )
