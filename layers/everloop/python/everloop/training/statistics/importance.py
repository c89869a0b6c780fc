"""What each column is worth to the model: how much worse the metric gets when its values are shuffled."""

from typing import Any

import numpy as np

from everloop.contracts.tasks import LOWER_IS_BETTER
from everloop.metrics import METRICS
from everloop.training.statistics.judged import Judged

MAXIMUM_ROWS = 5_000
REPEATS = 3


def importance(judged: Judged) -> list[dict[str, Any]]:
    """Permutation importance (Breiman 2001; Fisher, Rudin and Dominici 2019), the worthiest column first.

    NOTE: of two columns that say the same, each looks worthless: the other one is still there.
    """
    if judged.dataset.recommendation:
        return []  # a user without the history of the user is nobody
    name = judged.definition.metric
    sign = -1 if name in LOWER_IS_BETTER else 1
    rows = judged.draw(MAXIMUM_ROWS)
    raw, target = judged.raw(rows), judged.target[rows]
    whole = METRICS[name](target, judged.score[rows])
    rng = np.random.default_rng(judged.seed)
    found = []
    for column in judged.scorer.inputs:
        losses = []
        for _ in range(REPEATS):
            shuffled = {**raw, column: raw[column][rng.permutation(len(rows))]}
            losses.append(sign * (whole - METRICS[name](target, judged.scorer.score(shuffled))))
        if np.isfinite(losses).all():
            found.append({"column": column, "loss": float(np.mean(losses)), "spread": float(np.std(losses))})
    return sorted(found, key=lambda each: -each["loss"])
