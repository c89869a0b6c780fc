"""An input that training rows have and prediction requests lack, or the other way round."""

from collections.abc import Iterator

from everloop.contracts.batches import Finding, Impact, is_delivered
from everloop.validation.batch import JudgedBatch
from everloop.validation.findings.levels import EXPECTED_ROWS, category
from everloop.validation.findings.wording import listed
from everloop.validation.history import History

MINIMUM_ROWS = 100
"""Of the batch, and of logged predictions."""
FILLED = 0.5
EMPTY = 0.99


def check(batch: JudgedBatch, history: History) -> Iterator[Finding]:
    served = history.served
    if batch.definition.recommendation:
        return  # a request may carry what it likes of user, items and time
    if served is None or min(served.rows, batch.profile.rows) < MINIMUM_ROWS:
        return
    for name in batch.definition.inputs:
        # Predictions without a timestamp are dated now, so a batch of now may meet these alone.
        if name in (batch.definition.data.timestamp, batch.definition.named_by_id):
            continue
        here, there = batch.profile.null_share(name), served.null_shares.get(name)
        if here is None or there is None:
            continue
        if here < FILLED and there >= EMPTY:
            expected = f"a column that requests fill as the batch does, in {1 - here:.1%} of the rows"
            yield _finding(name, expected, f"empty in {there:.1%} of {served.rows:,} predictions")
        elif there < FILLED and here >= EMPTY and is_delivered(name, batch.definition, batch.reading.columns):
            got = f"empty in {here:.1%} of the rows, while {1 - there:.1%} of {served.rows:,} predictions have it"
            yield _finding(name, "a column that is filled as in requests", got)
        elif levels := served.levels.get(name):
            yield from _strange_levels(batch, name, levels)


def _strange_levels(batch: JudgedBatch, name: str, levels: frozenset[str]) -> Iterator[Finding]:
    trained = category(batch.profile, name)
    if trained and not trained.other and trained.rows >= EXPECTED_ROWS and levels.isdisjoint(trained.counts):
        expected = f"levels that requests carry, such as {listed(sorted(levels))}"
        yield _finding(name, expected, f"none of them, but {listed(sorted(trained.counts))}")


def _finding(name: str, expected: str, got: str) -> Finding:
    return Finding(reason="train_serve_mismatch", impact=Impact.SUSPICIOUS, column=name, expected=expected, got=got)
