"""A column that alone predicts the target almost perfectly."""

from collections.abc import Callable, Iterator, Mapping

import numpy as np
from numpy.typing import NDArray

from everloop.contracts.tasks import Task
from everloop.features.leakage.sample import MINIMUM_ROWS, Codes, Column, codes_of, is_null, is_number, ranks
from everloop.features.leakage.suspect import Suspect
from everloop.metrics import roc_auc

SUSPICIOUS_STRENGTH = 0.995
"""What honest columns seldom reach together, no honest column should reach alone."""
MINIMUM_CLASS_ROWS = 20
"""Of the second most frequent class; a handful of rows is told apart by many a column."""

Numbers = NDArray[np.float64]


def lone_predictors(
    columns: Mapping[str, Column], target: Column, task: Task, *, strength_from: float = SUSPICIOUS_STRENGTH
) -> Iterator[Suspect]:
    outcome = _outcome_of(target, task)
    if outcome is None:
        return
    for name, values in columns.items():
        null = is_null(values)
        rows, emptiness = len(values), _by_codes(null.astype(np.intp), outcome, task)
        if emptiness >= strength_from:
            yield Suspect(name, f"whether it is empty tells the target: {_told(task, emptiness, rows)}", emptiness)
            continue
        strength = _by_codes(codes_of(values), outcome, task)
        if is_number(values):
            strength = max(strength, _by_order(np.asarray(values, np.float64)[~null], outcome[~null], task))
        if strength >= strength_from:
            yield Suspect(name, f"alone it tells the target: {_told(task, strength, rows)}", strength)


def is_telling(target: Column, task: Task) -> bool:
    """Whether these rows have enough of each kind of target for a verdict."""
    return _outcome_of(target[~is_null(target)], task) is not None


def _outcome_of(target: Column, task: Task) -> Numbers | None:
    """Classes as 0, 1, …; numbers as ranks, which no outlier dominates. None when there is too little to say."""
    if len(target) < MINIMUM_ROWS:
        return None
    if task.answers_value:
        return ranks(target) if target.min() < target.max() else None
    _, classes, counts = np.unique(target, return_inverse=True, return_counts=True)
    enough = len(counts) > 1 and sorted(counts)[-2] >= MINIMUM_CLASS_ROWS
    return classes.astype(np.float64) if enough else None


def _by_order(values: Numbers, outcome: Numbers, task: Task) -> float:
    """How well the order of the values is the order of the target, or its reverse."""
    if task is Task.MULTICLASS or len(values) < MINIMUM_ROWS or values.min() == values.max():
        return 0.0
    if task is Task.BINARY:
        if min(outcome.sum(), len(outcome) - outcome.sum()) < MINIMUM_CLASS_ROWS:
            return 0.0
        area = roc_auc(outcome, values)
        return max(area, 1 - area)
    if outcome.min() == outcome.max():
        return 0.0
    return float(abs(np.corrcoef(ranks(values), ranks(outcome))[0, 1]))


def _by_codes(codes: Codes, outcome: Numbers, task: Task) -> float:
    """How well half of the rows tell the target of the other half by what rows of the same code had.

    Halves, because levels that occur once tell everything about the row they come from and nothing about the next.
    """
    if codes.min() == codes.max():
        return 0.0
    learn = np.random.default_rng(0).permutation(len(codes)) % 2 == 0
    return _MEASURES[task](codes, outcome, learn)


def _area(codes: Codes, outcome: Numbers, learn: NDArray[np.bool_]) -> float:
    area = roc_auc(outcome[~learn], _means(codes, outcome, learn)[codes[~learn]])
    return 0.0 if np.isnan(area) else area


def _explained(codes: Codes, outcome: Numbers, learn: NDArray[np.bool_]) -> float:
    """Share of the variance of the target's ranks."""
    test = outcome[~learn]
    spread = np.square(test - test.mean()).sum()
    left = np.square(test - _means(codes, outcome, learn)[codes[~learn]]).sum()
    return float(1 - left / spread) if spread else 0.0


def _errors_avoided(codes: Codes, outcome: Numbers, learn: NDArray[np.bool_]) -> float:
    """Share of the errors that naming the most frequent class makes, and naming a code's most frequent one does not."""
    classes = int(outcome.max()) + 1
    cells = codes * classes + outcome.astype(np.intp)
    counts = np.bincount(cells[learn], minlength=(int(codes.max()) + 1) * classes).reshape(-1, classes)
    usual = counts.sum(axis=0).argmax()
    named = np.where(counts.any(axis=1), counts.argmax(axis=1), usual)[codes[~learn]]
    errors, usual_errors = (named != outcome[~learn]).sum(), (usual != outcome[~learn]).sum()
    return float(1 - errors / usual_errors) if usual_errors else 0.0


def _means(codes: Codes, outcome: Numbers, learn: NDArray[np.bool_]) -> Numbers:
    length = int(codes.max()) + 1
    rows = np.bincount(codes[learn], minlength=length)
    sums = np.bincount(codes[learn], outcome[learn], minlength=length)
    return np.where(rows > 0, sums / np.maximum(rows, 1), outcome[learn].mean())


_MEASURES: dict[Task, Callable[[Codes, Numbers, NDArray[np.bool_]], float]] = {
    Task.BINARY: _area,
    Task.MULTICLASS: _errors_avoided,
    Task.REGRESSION: _explained,
    Task.FORECASTING: _explained,
}
_NAMES = {Task.BINARY: "ROC AUC", Task.MULTICLASS: "share of errors avoided"}


def _told(task: Task, strength: float, rows: int) -> str:
    return f"{_NAMES.get(task, 'rank correlation')} {strength:.4f} on {rows:,} rows"
