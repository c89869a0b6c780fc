"""Does the answer rise, or fall, with each column that is declared so, all else being equal?"""

from typing import Any

import numpy as np

from everloop.training.statistics.judged import Judged

TOLERANCE = 1e-3
"""Largest step back that is forgiven: of a probability, or of the target's standard deviation."""
MAXIMUM_ROWS = 500
STEPS = 11
"""Smallest value, deciles and largest value of the column in the holdout."""


def monotone(judged: Judged) -> list[dict[str, Any]]:
    """Of each declared column that the model takes: the largest step back, moving it through its quantiles.

    Null has no place in the order, so no row is moved to it; one that lacks the column is moved like the others. These
    are individual conditional expectations (Goldstein et al., JCGS 2015), whose every curve must be monotone.
    """
    return [
        {"column": name, "direction": column.monotone, **_moved(judged, name, column.direction)}
        for name, column in judged.definition.columns.items()
        if column.monotone and name in judged.scorer.inputs
    ]


def _moved(judged: Judged, name: str, sign: int) -> dict[str, Any]:
    values = judged.dataset.holdout_raw[name]
    known = values[~np.isnan(values)]
    if not len(known):
        return {"rows": 0, "steps": 0, "largest_step_back": 0.0, "share_of_rows": 0.0}
    steps = np.unique(np.quantile(known, np.linspace(0, 1, STEPS)))
    raw = judged.raw(judged.draw(MAXIMUM_ROWS))
    answers = np.array([judged.scorer.score({**raw, name: np.full_like(raw[name], step)}) for step in steps]) * sign
    back = (np.maximum.accumulate(answers) - answers).max(axis=0) / judged.scale
    return {
        "rows": len(back),
        "steps": len(steps),
        "largest_step_back": float(back.max()),
        "share_of_rows": float((back > TOLERANCE).mean()),
    }
