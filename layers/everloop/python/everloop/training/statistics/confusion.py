"""Which class is taken for which: a multiclass model's labels against the truth."""

from typing import Any

import numpy as np

from everloop.contracts.tasks import Task
from everloop.metrics import likeliest
from everloop.training.statistics.judged import Judged

MOST_CLASSES = 20
"""The commonest in the holdout; what remains is one more row and column, where there is more than one."""


def confusion(judged: Judged) -> dict[str, Any] | None:
    """Counts by actual class (rows) and label (columns), precision and recall of each class that is shown.

    The last of `labels` is null where it stands for the rest. A class that is never there, or never answered, has no
    recall, or no precision.
    """
    if judged.dataset.task is not Task.MULTICLASS:
        return None
    classes = judged.dataset.classes
    size = len(classes)
    pairs = judged.target.astype(np.int64) * size + likeliest(judged.score)
    counts = np.bincount(pairs, minlength=size**2).reshape(size, size)
    order = np.argsort(-counts.sum(axis=1), kind="stable")
    shown = order if size <= MOST_CLASSES + 1 else order[:MOST_CLASSES]
    pooled = len(shown) < size
    place = np.full(size, len(shown))
    place[shown] = np.arange(len(shown))
    matrix = np.zeros((len(shown) + pooled, len(shown) + pooled), np.int64)
    np.add.at(matrix, (place[:, None], place[None, :]), counts)
    return {
        "labels": [*(classes[number] for number in shown), *([None] if pooled else [])],
        "counts": matrix.tolist(),
        "classes": [
            {
                "label": classes[number],
                "rows": int(counts[number].sum()),
                "precision": _share(counts[number, number], counts[:, number].sum()),
                "recall": _share(counts[number, number], counts[number].sum()),
            }
            for number in shown
        ],
    }


def _share(part: np.int64, whole: np.int64) -> float | None:
    return float(part / whole) if whole else None
