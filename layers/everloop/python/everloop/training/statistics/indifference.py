"""Is the answer of a row about this row alone, and about the columns that the model takes?"""

from typing import Any

import numpy as np

from everloop.training.statistics.judged import Judged

TOLERANCE = 1e-5
"""Largest difference that is rounding: onnxruntime adds float32 numbers in another order at another place."""
MAXIMUM_ROWS = 500
ROWS_ALONE = 50
"""Asked one by one."""


def indifference(judged: Judged) -> dict[str, Any]:
    """The largest change of an answer when rows are asked alone, or all of them in reverse while every other column
    holds the shuffled target.
    """
    rows = judged.draw(MAXIMUM_ROWS)
    others = judged.definition.columns.keys() - judged.scorer.inputs.keys()
    shuffled = np.random.default_rng(judged.seed).permutation(judged.target[rows]).reshape(-1, 1)
    raw = judged.raw(rows)
    strange = {name: values[::-1] for name, values in raw.items()} | dict.fromkeys(sorted(others), shuffled)
    together = judged.scorer.score(raw)
    alone = [
        judged.scorer.score({name: values[[row]] for name, values in raw.items()})
        for row in range(min(ROWS_ALONE, len(rows)))
    ]
    reversed_rows = np.abs(judged.scorer.score(strange)[::-1] - together)
    single_rows = np.abs(np.concatenate(alone) - together[: len(alone)])
    return {
        "rows": len(rows),
        "largest_difference": float(max(reversed_rows.max(), single_rows.max()) / judged.scale),
        "columns_no_request_carries": sorted(judged.scorer.inputs.keys() - judged.definition.served_columns.keys()),
    }
