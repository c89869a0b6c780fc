"""Tell keys from measurements: what counts the rows, what names a row, what names something that has many rows."""

import re
from enum import Enum

from everloop.contracts.columns import ColumnType
from everloop.drafting.survey import PROSE_WORDS, Seen

UNIQUE_SHARE = 0.999
MINIMUM_ROWS = 50
"""In fewer rows even measurements are all different."""

_DENSE = 1.05
_WORDS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")
_KEY_WORDS = frozenset(
    {
        "id",
        "ids",
        "uuid",
        "guid",
        "uid",
        "key",
        "pk",
        "index",
        "idx",
        "instant",
        "rowid",
        "row",
        "rownum",
        "udi",
        "serial",
    }
)
_ROW_ID_WORDS = frozenset({"id", "uuid", "guid", "uid", "key", "pk", "number", "no", "num", "nr"})
_REFERENCE_WORDS = frozenset({"id", "uuid", "guid", "uid", "key"})
_NAMED_AFTER = re.compile(
    r"(user|customer|client|account|order|session|device|product|item|flight|trip|ride|row|record|event|transaction)id",
    re.IGNORECASE,
)


class Key(Enum):
    COUNTER = "it counts the rows of this file"
    ROW = "it names each row"
    """And each file goes on where the last one ended: the newest row of a key wins."""
    UNIQUE = "it is different in almost every row, so it tells nothing about the next"
    REFERENCE = "it names something that has several rows"


def key_of(seen: Seen) -> Key | None:
    """What kind of key a column is, or None if it is none."""
    facts, words = seen.facts, _words(seen.facts.name)
    named = bool(words & _KEY_WORDS or _NAMED_AFTER.fullmatch(facts.name))
    unique = facts.present > 0 and facts.distinct >= UNIQUE_SHARE * facts.present
    if seen.type is ColumnType.INTEGER and unique and (named or facts.present >= MINIMUM_ROWS) and _is_dense(seen):
        return Key.COUNTER
    if unique and named and facts.is_whole and facts.distinct == facts.present and seen.type is not ColumnType.NUMBER:
        return Key.ROW
    is_text = seen.type in (ColumnType.CATEGORY, ColumnType.TEXT) and facts.words < PROSE_WORDS
    if unique and (named or (is_text and facts.present >= MINIMUM_ROWS)):
        return Key.UNIQUE
    return Key.REFERENCE if is_named_as_reference(facts.name) and seen.type is not ColumnType.NUMBER else None


def is_named_as_reference(name: str) -> bool:
    return bool(_words(name) & _REFERENCE_WORDS or _NAMED_AFTER.fullmatch(name))


def may_be_row_id(seen: Seen) -> bool:
    """Every row has another value, and the name is that of an identifier, even where the values count the rows."""
    facts = seen.facts
    named = bool(_words(facts.name) & _ROW_ID_WORDS or _NAMED_AFTER.fullmatch(facts.name))
    can_name = seen.type in (ColumnType.INTEGER, ColumnType.CATEGORY, ColumnType.TEXT)
    return named and can_name and facts.is_whole and facts.distinct == facts.rows


def _is_dense(seen: Seen) -> bool:
    low, high = seen.facts.minimum, seen.facts.maximum
    return low is not None and high is not None and high - low + 1 <= _DENSE * seen.facts.distinct


def _words(name: str) -> set[str]:
    """
    >>> sorted(_words("ProductID")), sorted(_words("customer_id")), sorted(_words("humidity"))
    (['id', 'product'], ['customer', 'id'], ['humidity'])
    """
    return {word.lower() for word in _WORDS.findall(name)}
