"""History features as a user writes them: what happened to a customer, card, machine or sensor before a row."""

import re
from datetime import timedelta
from typing import Annotated, NamedTuple, Self

from pydantic import BeforeValidator, Field, model_validator

from everloop.contracts.base import Contract, Duration, listed

AGGREGATES = ("count", "sum", "mean", "min", "max", "std", "count_distinct", "last", "seconds_since_last")
"""What `value` may apply; their forms are in everloop/features/history/aggregates.py."""

_CALL = re.compile(r"\s*(\w+)\s*\((.*)\)\s*", re.DOTALL)
_WITHOUT_ARGUMENT = frozenset({"count", "seconds_since_last"})
_STEPS = tuple(timedelta(seconds=seconds) for seconds in (86_400, 21_600, 3_600, 600, 60, 10, 1))
_LEAST_STEPS = 60
"""A window moves on by the longest step of which it has so many: it is never older than a sixtieth of its length."""
_LETTERS = ((timedelta(days=1), "d"), (timedelta(hours=1), "h"), (timedelta(minutes=1), "m"))


class Call(NamedTuple):
    aggregate: str
    expression: str
    """SQL over one event; '' where the aggregate takes none."""


class History(Contract):
    """An aggregate over the earlier rows of the same entity: `[history.<name>]`."""

    value: str
    """An aggregate of an expression over one event, such as "sum(amount)"."""
    by: Annotated[tuple[str, ...], BeforeValidator(listed)] = ()
    """The columns that name the entity; empty: all rows are of one."""
    over: Annotated[tuple[Duration, ...], BeforeValidator(listed)] = Field(min_length=1)
    """One feature for each window."""
    where: str | None = None
    """Only events that fulfil it count."""
    delay: Duration | None = None
    """An event counts from so long after its timestamp on: until then its label is not known."""
    description: str = ""

    @model_validator(mode="after")
    def _is_computable(self) -> Self:
        call = self.call
        if call.aggregate not in AGGREGATES:
            raise ValueError(f"value {self.value!r}: expected one of {', '.join(f'{name}(…)' for name in AGGREGATES)}")
        if not call.expression and call.aggregate not in _WITHOUT_ARGUMENT:
            raise ValueError(
                f"value {self.value!r}: {call.aggregate} needs an expression, such as the name of a column"
            )
        if call.expression and call.aggregate == "seconds_since_last":
            raise ValueError(
                f"value {self.value!r}: seconds_since_last() takes nothing; say in 'where' which events count"
            )
        if len(set(self.over)) < len(self.over):
            raise ValueError("over: each window once")
        if len(set(self.by)) < len(self.by):
            raise ValueError("by: each column once")
        return self

    @property
    def call(self) -> Call:
        match = _CALL.fullmatch(self.value)
        if not match:
            return Call("", "")
        expression = match[2].strip()
        return Call(match[1].lower(), "" if expression == "*" else expression)

    def features(self, name: str) -> dict[str, "HistoryFeature"]:
        """By their names: `name` itself, or with several windows `name_1d`, `name_30d` and so on."""
        if len(self.over) == 1:
            return {name: HistoryFeature(self, self.over[0])}
        return {f"{name}_{shortened(window)}": HistoryFeature(self, window) for window in self.over}


class HistoryFeature(NamedTuple):
    """One window of a history. Times are whole microseconds; a window moves on in steps, so that it has few parts.

    Step number k ends at k steps; an event counts for a row at time t if its step ends at t less the delay or before
    (without a delay: before t), and is one of the last `steps` steps that do.
    """

    history: History
    window: timedelta

    @property
    def step(self) -> timedelta:
        return next(step for step in _STEPS if self.window / step >= _LEAST_STEPS and not self.window % step)

    @property
    def kept_as(self) -> tuple[object, ...]:
        """Features that have it in common are made of the same parts of steps: lags of one value, for example."""
        return self.history.value, self.history.where, self.history.by, self.step

    @property
    def steps(self) -> int:
        """Of the window."""
        return self.window // self.step

    @property
    def delay(self) -> timedelta:
        return self.history.delay or timedelta(0)

    @property
    def reach(self) -> timedelta:
        """How far before a row the oldest event that counts may lie."""
        return self.window + self.delay + self.step


def shortened(window: timedelta) -> str:
    """
    >>> print(shortened(timedelta(days=14)), shortened(timedelta(hours=36)), shortened(timedelta(minutes=90)))
    14d 36h 90m
    """
    size, letter = next((size, letter) for size, letter in _LETTERS if not window % size)
    return f"{window // size}{letter}"
