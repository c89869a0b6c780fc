"""Ranges, levels and spans of time in few words, for people."""

from everloop.drafting.facts import Facts
from everloop.drafting.moment import Moment

_FEW = 5


def shown_values(facts: Facts) -> str:
    if facts.minimum is not None and facts.maximum is not None and facts.numbers >= facts.present * 0.99:
        return f"{shown_number(facts.minimum)} to {shown_number(facts.maximum)}"
    if 0 < facts.distinct <= _FEW:
        return ", ".join(repr(level) for level, _ in sorted(facts.levels))
    return f"{facts.distinct:,} levels" if facts.distinct else ""


def shown_number(number: float) -> str:
    """
    >>> shown_number(2013.0), shown_number(17379.0), shown_number(0.8507)
    ('2013', '17,379', '0.8507')
    """
    if number % 1:
        return f"{number:.6g}"
    return f"{number:,.0f}" if abs(number) >= 10_000 else f"{number:.0f}"


def shown_span(moment: Moment) -> str:
    return f"{moment.first:%Y-%m-%d %H:%M} to {moment.last:%Y-%m-%d %H:%M}"


def shown_rows(count: int) -> str:
    """
    >>> shown_rows(1), shown_rows(9430)
    ('1 row', '9,430 rows')
    """
    return "1 row" if count == 1 else f"{count:,} rows"
