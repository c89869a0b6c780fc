"""No row is newer than those of earlier batches, or the newest is far older than usual when it comes."""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from statistics import median

from everloop.contracts.batches import Finding, Impact
from everloop.validation.batch import JudgedBatch
from everloop.validation.findings.robust import spread_of
from everloop.validation.history import History

MINIMUM_BATCHES = 3
USUAL_SHARE = 0.25
"""Where so many batches brought nothing newer, several files share a day or history is filled in: that is its way."""
MAXIMUM_SPREADS = 5.0
SMALLEST_DELAY_S = timedelta(days=1).total_seconds()
"""A day later than usual is nothing yet."""


def check(batch: JudgedBatch, history: History) -> Iterator[Finding]:
    if batch.last_timestamp is None or batch.is_replay:
        return
    earlier = [(report.received_at, last) for report in history.originals if (last := report.last_timestamp)]
    if not earlier:
        return
    newest = max(last for _, last in earlier)
    if batch.last_timestamp <= newest and not _is_usual([last for _, last in earlier]):
        yield Finding(
            reason="stale_batch",
            impact=Impact.SUSPICIOUS,
            column=batch.definition.data.timestamp,
            expected=f"rows newer than {newest.isoformat()}, the newest of earlier batches",
            got=f"none newer than {batch.last_timestamp.isoformat()}",
        )
    elif len(earlier) >= MINIMUM_BATCHES:
        yield from _late(batch, batch.last_timestamp, [_age_s(received, last) for received, last in earlier])


def _late(batch: JudgedBatch, last: datetime, ages: Sequence[float]) -> Iterator[Finding]:
    age = _age_s(batch.received_at, last)
    if age > max(ages) and age - median(ages) > max(MAXIMUM_SPREADS * spread_of(ages), SMALLEST_DELAY_S):
        yield Finding(
            reason="stale_batch",
            impact=Impact.SUSPICIOUS,
            column=batch.definition.data.timestamp,
            expected=f"a newest row about {_shown(median(ages))} old when it comes, as in the last {len(ages)} batches",
            got=f"one {_shown(age)} old",
        )


def _is_usual(lasts: Sequence[datetime]) -> bool:
    """Whether it is common here that a batch brings nothing newer than those before it."""
    old = sum(last <= max(lasts[:place]) for place, last in enumerate(lasts) if place)
    return old >= max(USUAL_SHARE * len(lasts), 2)


def _age_s(received_at: datetime, last: datetime) -> float:
    return max((received_at - last).total_seconds(), 0.0)


def _shown(seconds: float) -> str:
    """
    >>> _shown(7200), _shown(86400 * 3.5)
    ('2.0 hours', '3.5 days')
    """
    hours = seconds / 3600
    return f"{hours:.1f} hours" if hours < 48 else f"{hours / 24:,.1f} days"
