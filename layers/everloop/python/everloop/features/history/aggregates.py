"""What a history can tell of the events of a window: each aggregate whole, in SQL and from the kept state.

In SQL `value` is null where an event does not count, and `us` is the event's time in microseconds. A state holds, for
each step in which something counted, the `parts` of the aggregate; `combine` makes the same value of them.
"""

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from everloop.contracts.history import AGGREGATES


class Part(NamedTuple):
    sql: str
    """Aggregates the counting events of a step."""
    type: type[np.int64] | type[np.float64]


Parts = list[NDArray[Any]]
"""Of the steps in the window, oldest first: an array for each of the aggregate's parts, of which none is empty."""


class Aggregate(NamedTuple):
    window: str
    """SQL with {over} for the frame, {value}, {us}, and {now} for the row's own time in microseconds."""
    parts: tuple[Part, ...]
    combine: Callable[[Parts, int], float]
    """From the parts and the row's time in microseconds."""
    empty: float = math.nan
    """Where no event counts; NaN is null."""
    takes_any: bool = False
    is_of_each: bool = False
    """The parts are kept for each different value of a step."""


def _std(parts: Parts, _: int) -> float:
    """From counts, means and sums of squares about them: Chan, Golub & LeVeque, "Updating formulae", 1979."""
    counts, means, squares = parts
    rows = counts.sum()
    if rows < 2:
        return math.nan
    mean = (counts * means).sum() / rows
    return math.sqrt((squares.sum() + (counts * (means - mean) ** 2).sum()) / (rows - 1))


_COUNT = Part("count({value})", np.int64)
_SUM = Part("sum({value})", np.float64)
_LATEST = "max(struct_pack(us := {us}, value := {value}))"

TABLE: dict[str, Aggregate] = {
    "count": Aggregate(
        "CAST(count({value}) {over} AS DOUBLE)",
        (_COUNT,),
        lambda parts, _: parts[0].sum(),
        empty=0.0,
        takes_any=True,
    ),
    "sum": Aggregate("sum({value}) {over}", (_SUM,), lambda parts, _: parts[0].sum()),
    "mean": Aggregate(
        "avg({value}) {over}",
        (_SUM, _COUNT),
        lambda parts, _: parts[0].sum() / parts[1].sum(),
    ),
    "min": Aggregate("min({value}) {over}", (Part("min({value})", np.float64),), lambda parts, _: parts[0].min()),
    "max": Aggregate("max({value}) {over}", (Part("max({value})", np.float64),), lambda parts, _: parts[0].max()),
    "std": Aggregate(
        "stddev_samp({value}) {over}",
        (_COUNT, Part("avg({value})", np.float64), Part("var_pop({value}) * count({value})", np.float64)),
        _std,
    ),
    "count_distinct": Aggregate(
        "CAST(count(DISTINCT {value}) {over} AS DOUBLE)",
        (Part("CAST(hash({value}) >> 1 AS BIGINT)", np.int64),),
        lambda parts, _: len(np.unique(parts[0])),
        empty=0.0,
        takes_any=True,
        is_of_each=True,
    ),
    # Of several events at one moment the one with the largest value is the last.
    "last": Aggregate(
        f"({_LATEST} FILTER ({{value}} IS NOT NULL) {{over}}).value",
        (Part(f"({_LATEST}).value", np.float64),),
        lambda parts, _: parts[0][-1],
    ),
    "seconds_since_last": Aggregate(
        "({now} - max({us}) FILTER ({value} IS NOT NULL) {over}) / 1e6",
        (Part("max({us})", np.int64),),
        lambda parts, now: (now - int(parts[0].max())) / 1e6,
        takes_any=True,
    ),
}

if TABLE.keys() != set(AGGREGATES):
    raise AssertionError(f"history aggregates without a form: {set(AGGREGATES) ^ TABLE.keys()}")
