"""Look at every column of a file: its type, its facts, and which of its texts mean null."""

from collections.abc import Iterable
from dataclasses import dataclass

from everloop.contracts.columns import Column, ColumnType
from everloop.drafting.facts import Delivered, Facts, present
from everloop.drafting.missing import PLAIN_WORDS, Sentinel, sentinel_of, strange_words_of, texts_of_number
from everloop.drafting.timestamps import READABLE_SHARE, Moments, clock_of, date_format_of, moments_of
from everloop.reading.types import Meaning, read_column

PROSE_CHARACTERS = 60
PROSE_WORDS = 3.0
PROSE_LEVELS = 0.5
"""Texts are prose if they are this long, or if so many are different and made of several words."""

_FEW_ROWS = 20
_SCALARS = ("VARCHAR", "TIME", "UUID", "ENUM", "INTERVAL", "DOUBLE", "FLOAT", "DECIMAL")
"""DuckDB types whose values can be levels of a category when they are nothing else."""


@dataclass(frozen=True)
class Seen:
    """One column, looked at."""

    facts: Facts
    type: ColumnType | None
    """None for what is no single value: a list, an object, bytes."""
    moments: Moments | None = None
    date_format: str = ""
    """Of a column of dates."""
    clock: str = ""
    """The format of a column of times of day."""

    @property
    def unreadable(self) -> int:
        """Rows whose value is not of the type: they will be quarantined."""
        if self.moments:
            return self.facts.present - self.moments.readable
        is_number = self.type in (ColumnType.NUMBER, ColumnType.INTEGER)
        return self.facts.present - self.facts.numbers if is_number else 0


def survey(delivered: Delivered) -> tuple[dict[str, Seen], tuple[str, ...]]:
    """Every column by name, and the texts that mean null in all of them."""
    seen: dict[str, Seen] = {}
    missing: set[str] = set()
    sentinels: list[tuple[Sentinel, frozenset[str]]] = []
    for name in delivered.types:
        delivered.open(name)
        seen[name], words = _look_for_words(delivered, name)
        missing |= words
        number = _number_sql(delivered, name)
        if sentinel := sentinel_of(delivered, seen[name].facts, number, words):
            sentinels.append((sentinel, texts_of_number(delivered, number, sentinel.number)))
    proven = {sentinel.number for sentinel, _ in sentinels if sentinel.is_proven}
    missing.update(text for sentinel, texts in sentinels if sentinel.number in proven for text in texts)
    if missing:
        # The texts that one column has shown to mean null mean it in all of them.
        seen |= {name: _look(delivered, name, missing) for name in seen if _holds(delivered, name, missing)}
    return seen, tuple(sorted(missing))


def _look_for_words(delivered: Delivered, name: str) -> tuple[Seen, frozenset[str]]:
    """The open column, and its texts that mean null: all that look so among numbers, some among texts."""
    words: frozenset[str] = frozenset()
    looked = _look(delivered, name, words)
    if nulls := looked.facts.null_words:
        words, looked = nulls, _look(delivered, name, nulls)
        if looked.type in (ColumnType.CATEGORY, ColumnType.TEXT):
            words = frozenset(word for word in nulls if word.lower() in PLAIN_WORDS)
            looked = _look(delivered, name, words)
    if strange := strange_words_of(delivered, looked.facts, _number_sql(delivered, name), words):
        words |= strange
        looked = _look(delivered, name, words)
    return looked, words


def _holds(delivered: Delivered, name: str, missing: Iterable[str]) -> bool:
    delivered.open(name)
    (held,) = delivered.ask(f"SELECT count(*) FROM levels WHERE NOT ({present(missing)})")
    return bool(held)


def _look(delivered: Delivered, name: str, missing: Iterable[str]) -> Seen:
    facts = delivered.facts(name, missing)
    if not facts.present:
        return Seen(facts, ColumnType.TEXT)
    if moments := moments_of(delivered, facts, missing):
        date_format = date_format_of(delivered, moments, missing) if moments.is_date else ""
        return Seen(facts, ColumnType.TIMESTAMP, moments, date_format)
    return Seen(
        facts, _type_of(facts), clock=clock_of(delivered, missing) if facts.family in ("VARCHAR", "TIME") else ""
    )


def _type_of(facts: Facts) -> ColumnType | None:
    if facts.family == "BOOLEAN":
        return ColumnType.BOOLEAN
    if facts.numbers >= READABLE_SHARE * facts.present and not facts.coded:
        return ColumnType.INTEGER if facts.integers == facts.numbers else ColumnType.NUMBER
    if facts.family not in _SCALARS:
        return None
    if facts.booleans == facts.present:
        return ColumnType.BOOLEAN
    return ColumnType.TEXT if _is_prose(facts) else ColumnType.CATEGORY


def _is_prose(facts: Facts) -> bool:
    if facts.present < _FEW_ROWS:
        return facts.length > PROSE_CHARACTERS
    many = facts.distinct > PROSE_LEVELS * facts.present
    return facts.distinct > _FEW_ROWS and (facts.length > PROSE_CHARACTERS or (many and facts.words >= PROSE_WORDS))


def _number_sql(delivered: Delivered, name: str) -> str:
    meaning = Meaning(decimal=delivered.decimal)
    return read_column(Column(type=ColumnType.NUMBER), delivered.types[name], "level", meaning).value
