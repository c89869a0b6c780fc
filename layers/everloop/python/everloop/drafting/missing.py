"""Find the texts and numbers that stand for null: NA, unknown, -200."""

from typing import NamedTuple

from everloop.drafting.facts import Delivered, Facts, present

PLAIN_WORDS = frozenset({"n/a", "#n/a", "<na>", "nan", "null", "(null)", "?"})
"""Those that mean nothing else even among texts, where `unknown` is a level like any other."""

SENTINELS = tuple(float(number) for number in (-9, -99, -200, -999, -9999, -99999, -32768, 999, 9999, 99999, 999999))
"""Numbers that instruments and old systems write where there is no value."""
MINIMUM_SENTINEL_SHARE = 0.005
MINIMUM_SENTINEL_ROWS = 5

_MINIMUM_NUMBERS = 10
"""Fewer different ones, and a word among them, may well be codes."""
_WORD_ROWS = 2
_MAXIMUM_WORDS = 3
"""A column of numbers may hold this many different words for null, each in at least so many rows."""


class Sentinel(NamedTuple):
    number: float
    is_proven: bool


def strange_words_of(column: Delivered, facts: Facts, number: str, missing: frozenset[str]) -> frozenset[str]:
    """Words without a digit that come again and again in the open column, which is else one of numbers.

    `number` is the SQL that reads one.
    """
    unreadable = facts.present - facts.numbers
    if not unreadable or facts.numbers < facts.present / 2 or facts.distinct < _MINIMUM_NUMBERS:
        return frozenset()
    found = column.database.execute(
        f"SELECT text, n FROM levels WHERE {present(missing)} AND ({number}) IS NULL"
        f" ORDER BY n DESC, text LIMIT {_MAXIMUM_WORDS + 1}"
    ).fetchall()
    are_words = all(n >= _WORD_ROWS and not any(map(str.isdigit, text)) for text, n in found)
    return frozenset(text for text, _ in found) if are_words and len(found) <= _MAXIMUM_WORDS else frozenset()


def sentinel_of(column: Delivered, facts: Facts, number: str, missing: frozenset[str]) -> Sentinel | None:
    """The smallest or the largest number of the open column, if it comes often and lies far from the others.

    Farther than those lie apart: that is proof. On the other side of zero: that will do if another column is proof.
    """
    for sentinel in SENTINELS:
        if sentinel not in (facts.minimum, facts.maximum):
            continue
        rows, low, high = column.ask(
            f"SELECT coalesce(sum(n) FILTER (number = {sentinel}), 0), min(number) FILTER (number <> {sentinel}),"
            f" max(number) FILTER (number <> {sentinel})"
            f" FROM (SELECT n, {number} AS number FROM levels WHERE {present(missing)}) WHERE isfinite(number)"
        )
        if low is None or rows < max(MINIMUM_SENTINEL_ROWS, MINIMUM_SENTINEL_SHARE * facts.present):
            continue
        gap = low - sentinel if sentinel < low else sentinel - high
        if gap > max(high - low, 1):
            return Sentinel(sentinel, is_proven=True)
        if sentinel < 0 <= low:
            return Sentinel(sentinel, is_proven=False)
    return None


def texts_of_number(column: Delivered, number: str, sentinel: float) -> frozenset[str]:
    """How the open column writes it: -200 and -200,0."""
    found = column.database.execute(f"SELECT text FROM levels WHERE ({number}) = {sentinel}").fetchall()
    return frozenset(str(text) for (text,) in found)
