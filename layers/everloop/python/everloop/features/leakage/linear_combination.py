"""Columns of numbers that add up to the target, as the parts of a sum do."""

from collections.abc import Iterator, Mapping

import numpy as np
from numpy.typing import NDArray

from everloop.contracts.tasks import Task
from everloop.features.leakage.sample import MINIMUM_ROWS, Column, is_null, is_number
from everloop.features.leakage.suspect import Suspect

SUSPICIOUS_R2 = 0.9999
"""The parts of a sum miss it by rounding alone."""
MAXIMUM_COLUMNS = 50
"""Those that correlate most with the target; a sum of more parts is not looked for."""
MAXIMUM_NULL_SHARE = 0.1
_MINIMUM_ROWS_A_COLUMN = 10
"""So that a fit is no accident."""


def linear_combination(columns: Mapping[str, Column], target: Column, task: Task) -> Iterator[Suspect]:
    """Exactly the columns that are needed for R² > SUSPICIOUS_R2, by least squares and backward elimination."""
    if not task.answers_value:
        return
    numbers = {name: np.asarray(values, np.float64) for name, values in columns.items() if is_number(values)}
    filled = {
        name: values for name, values in numbers.items() if len(values) and is_null(values).mean() <= MAXIMUM_NULL_SHARE
    }
    table = np.column_stack([*filled.values(), np.asarray(target, np.float64)])
    table = table[np.isfinite(table).all(axis=1)]
    if len(table) < MINIMUM_ROWS:
        return
    with np.errstate(over="ignore", invalid="ignore"):
        spreads = table.std(axis=0)
        varies = np.isfinite(spreads) & (spreads > 0)
        if not varies[-1]:
            return
        standard = (table[:, varies] - table[:, varies].mean(axis=0)) / spreads[varies]
    names = [name for name, varied in zip(filled, varies, strict=False) if varied]
    correlations = standard.T @ standard / len(standard)
    with_target = correlations[:-1, -1]
    most = min(MAXIMUM_COLUMNS, len(standard) // _MINIMUM_ROWS_A_COLUMN)
    kept = np.sort(np.argsort(-np.abs(with_target), kind="stable")[:most])
    needed = _needed(correlations[:-1, :-1], with_target, list(kept))
    if not needed:
        return
    weights, fit = _fit(correlations[:-1, :-1], with_target, needed)
    slopes = weights * spreads[-1] / spreads[:-1][varies[:-1]][needed]
    parts = " + ".join(f"{slope:.4g} × {names[index]}" for slope, index in zip(slopes, needed, strict=True))
    for index in needed:
        yield Suspect(names[index], f"it is part of what adds up to the target: {parts} (R² {fit:.6f})", fit)


def _needed(correlations: NDArray[np.float64], with_target: NDArray[np.float64], kept: list[int]) -> list[int]:
    """The columns left when no further one can go; none if not even all suffice."""
    if not kept or _fit(correlations, with_target, kept)[1] <= SUSPICIOUS_R2:
        return []
    by_weight = np.abs(_fit(correlations, with_target, kept)[0]).argsort(kind="stable")
    for index in [kept[place] for place in by_weight]:
        fewer = [other for other in kept if other != index]
        if fewer and _fit(correlations, with_target, fewer)[1] > SUSPICIOUS_R2:
            kept = fewer
    return kept


def _fit(
    correlations: NDArray[np.float64], with_target: NDArray[np.float64], kept: list[int]
) -> tuple[NDArray[np.float64], float]:
    """Standardised weights and R² of the least-squares fit on these columns; of dependent columns any share it."""
    solved = np.linalg.lstsq(correlations[np.ix_(kept, kept)], with_target[kept], rcond=1e-10)[0]
    weights = solved.astype(np.float64)
    return weights, float(weights @ with_target[kept])
