"""Why a column is not learned from: the first reason that holds, one line of a table each."""

from collections.abc import Callable

from everloop.contracts.columns import ColumnType
from everloop.drafting.facts import Facts
from everloop.drafting.keys import Key, key_of
from everloop.drafting.survey import Seen
from everloop.features.compile import NUMBERS, TEXTS

MAXIMUM_LEVEL_SHARE = 0.5
MANY_LEVELS = 25
"""A category has at most this share of its rows as levels; with fewer levels nobody can tell."""

_EPOCH_NAMES = ("time", "stamp", "epoch", "_at", "date", "ts")
_EPOCH_SECONDS = (631_152_000, 4_102_444_800)
"""1990 and 2100."""


def reason_to_leave_out(seen: Seen) -> str | None:
    """None: nothing speaks against learning from it."""
    reasons = (reason(seen) for reason in _REASONS)
    return next((reason for reason in reasons if reason), None)


def _no_scalar(seen: Seen) -> str | None:
    return f"a {seen.facts.delivered} is no single value" if seen.type is None else None


def _empty(seen: Seen) -> str | None:
    return None if seen.facts.present else "empty in every row"


def _constant(seen: Seen) -> str | None:
    facts = seen.facts
    return f"always {facts.levels[0][0]!r}" if facts.distinct == 1 and facts.is_whole else None


def _second_moment(seen: Seen) -> str | None:
    return "another moment; use it in a feature if it is known in time" if seen.type is ColumnType.TIMESTAMP else None


def _epoch(seen: Seen) -> str | None:
    is_epoch = seen.type is ColumnType.INTEGER and _looks_like_epoch(seen.facts)
    return (
        "seconds since 1970, it seems; as a timestamp it must be text such as 2026-01-31T12:00:00Z"
        if is_epoch
        else None
    )


def _key(seen: Seen) -> str | None:
    key = key_of(seen)
    return key.value if key in (Key.COUNTER, Key.ROW, Key.UNIQUE) else None


def _too_many_levels(seen: Seen) -> str | None:
    facts = seen.facts
    many = facts.distinct >= MANY_LEVELS and facts.distinct > MAXIMUM_LEVEL_SHARE * facts.present
    return "few rows share a level, so it tells little" if seen.type is ColumnType.CATEGORY and many else None


def _taken_name(seen: Seen) -> str | None:
    return "its name is the model's own; rename it" if seen.facts.name in (NUMBERS, TEXTS) else None


_REASONS: tuple[Callable[[Seen], str | None], ...] = (
    _no_scalar,
    _empty,
    _constant,
    _second_moment,
    _epoch,
    _key,
    _too_many_levels,
    _taken_name,
)


def _looks_like_epoch(facts: Facts) -> bool:
    low, high = facts.minimum or 0, facts.maximum or 0
    first, last = _EPOCH_SECONDS
    named = any(word in facts.name.lower() for word in _EPOCH_NAMES)
    return named and any(first * unit <= low <= high <= last * unit for unit in (1, 1_000))
