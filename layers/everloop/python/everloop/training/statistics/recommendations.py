"""Whom recommendations reach, and how much of the catalogue they show."""

from typing import Any

from everloop.training.judging import known_items
from everloop.training.statistics.judged import Judged


def recommendations(judged: Judged) -> dict[str, Any] | None:
    """Of the users of the holdout; None for a model that recommends nothing.

    `coverage` is the share of all items that are recommended to somebody (Ge, Delgado-Battenfeld and Jannach, Beyond
    accuracy, RecSys 2010), `by_popularity` the share of users of whom nothing was known, who get what is popular.
    """
    if judged.dataset.recommendation is None:
        return None
    items = judged.scorer.recommend(judged.dataset.holdout_raw).items
    shown = set(items.ravel().tolist()) - {""}
    catalogue = len(judged.dataset.classes)
    return {
        "users": len(items),
        "items": catalogue,
        "recommended_to_each": items.shape[1],
        "coverage": len(shown) / catalogue,
        "by_popularity": float((known_items(judged.dataset) == 0).mean()),
    }
