"""Where the model is weak: its metric in each part of the holdout that a level or a quarter of one column cuts out."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import numpy as np
import numpy.typing as npt

from everloop.contracts.columns import ColumnType
from everloop.contracts.tasks import LOWER_IS_BETTER, Task
from everloop.metrics import Floats, bootstrap_interval
from everloop.training.judging import known_items
from everloop.training.statistics.judged import Judged

MINIMUM_ROWS = 100
"""Fewer rows give a bootstrap interval that means nothing."""
MINIMUM_CLASS_ROWS = 10
"""Of each class, in a binary task: a ranking of three positives is luck."""
QUARTERS = 4
MAXIMUM_LEVELS = 50
"""Of one column, the commonest."""
MAXIMUM_ROWS = 50_000
"""Of a larger holdout so many are drawn: more hardly narrow an interval, and a slice costs 200 resamples."""

Rows = npt.NDArray[np.bool_]


def slices(judged: Judged) -> dict[str, Any]:
    """Every slice with enough rows, the worst one first.

    The worst is the one whose better end of the 95 % interval is the worst: the lowest value of many is mostly scatter.
    """
    drawn = judged.draw(MAXIMUM_ROWS)
    found = [
        {"column": column, "part": part, **_measured(judged, drawn[inside])}
        for column, part, inside in _parts(judged, drawn)
        if _is_enough(judged, judged.target[drawn[inside]]) and not inside.all()
    ]
    name = judged.definition.metric
    lower = name in LOWER_IS_BETTER
    finite = [each for each in found if np.isfinite([each["value"], each["low"], each["high"]]).all()]
    finite.sort(key=lambda each: -each["low"] if lower else each["high"])
    return {"metric": name, "minimum_rows": MINIMUM_ROWS, "parts": finite}


def _measured(judged: Judged, rows: npt.NDArray[np.int64]) -> dict[str, Any]:
    name = judged.definition.metric
    interval = bootstrap_interval(name, judged.target[rows], judged.score[rows], seed=judged.seed)
    return {"rows": len(rows), **interval._asdict()}


def _is_enough(judged: Judged, target: Floats) -> bool:
    if judged.dataset.task is Task.BINARY and min(target.sum(), len(target) - target.sum()) < MINIMUM_CLASS_ROWS:
        return False
    return len(target) >= MINIMUM_ROWS


def _parts(judged: Judged, rows: npt.NDArray[np.int64]) -> Iterator[tuple[str, str, Rows]]:
    if judged.dataset.recommendation:
        yield from _lengths_of_history(known_items(judged.dataset)[rows])
        return
    served = judged.definition.served_columns
    kinds = {name: column.type for name, column in served.items() if column.type.is_profiled}
    for name in filter(kinds.__contains__, judged.scorer.inputs):
        values = judged.dataset.holdout_raw[name][rows, 0]
        cut = _levels(values) if kinds[name].is_textual else _quarters(values, kinds[name])
        for part, inside in cut:
            yield name, part, inside


def _lengths_of_history(known: npt.NDArray[np.int64]) -> Iterator[tuple[str, str, Rows]]:
    name = "interactions before"
    yield name, "none", known == 0
    some = np.where(known > 0, known, np.nan)
    yield from ((name, part, inside) for part, inside in _quarters(some, ColumnType.INTEGER) if part != "missing")


def _levels(values: npt.NDArray[Any]) -> Iterator[tuple[str, Rows]]:
    levels, place, counts = np.unique(values.astype(np.str_), return_inverse=True, return_counts=True)
    for number in np.argsort(-counts, kind="stable")[:MAXIMUM_LEVELS]:
        yield str(levels[number]) or "missing", place == number


def _quarters(values: Floats, kind: ColumnType) -> Iterator[tuple[str, Rows]]:
    missing = np.isnan(values)
    yield "missing", missing
    known = values[~missing]
    if not len(known):
        return
    distinct = np.unique(known)
    edges = distinct if len(distinct) <= QUARTERS else np.quantile(known, np.arange(1, QUARTERS) / QUARTERS)
    place = np.searchsorted(np.unique(edges), values, side="left")
    for number in np.unique(place[~missing]):
        inside = (place == number) & ~missing
        low, high = (_written(bound, kind) for bound in (values[inside].min(), values[inside].max()))
        yield low if low == high else f"{low} to {high}", inside


def _written(value: float, kind: ColumnType) -> str:
    if kind is ColumnType.BOOLEAN:
        return str(bool(value)).lower()
    if kind is ColumnType.TIMESTAMP:
        return datetime.fromtimestamp(value, UTC).strftime("%Y-%m-%d %H:%M")
    return f"{value:g}"
