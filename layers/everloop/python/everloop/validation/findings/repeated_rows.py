"""Rows whose row id an earlier batch has as well: when a dataset is built, the newest wins."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from everloop.contracts.batches import Finding, Impact
from everloop.validation.batch import JudgedBatch
from everloop.validation.history import History

SUSPICIOUS_SHARE = 0.5
"""Corrections are few; of so many rows the source sent an old file again."""


def check(batch: JudgedBatch, history: History) -> Iterator[Finding]:
    fresh = batch.row_keys
    if not len(fresh):
        return
    sources = []
    for batch_id, keys in history.row_keys():
        known = _are_among(fresh, keys)
        if known.any():
            sources.append(batch_id)
            fresh = fresh[~known]
        if not len(fresh):
            break
    repeated, rows = len(batch.row_keys) - len(fresh), len(batch.row_keys)
    if repeated:
        yield Finding(
            reason="repeated_rows",
            impact=Impact.SUSPICIOUS if repeated > SUSPICIOUS_SHARE * rows else Impact.COMPATIBLE,
            expected="row ids that no recent batch has",
            got=f"{repeated:,} of {rows:,} rows with a row id of"
            f" {len(sources)} earlier batch{'es' if len(sources) > 1 else ''}, the newest of them {sources[0]}",
        )


def _are_among(keys: NDArray[np.uint64], others: NDArray[np.uint64]) -> NDArray[np.bool_]:
    """Both sorted: much faster than hashing either."""
    if not len(others):
        return np.zeros(len(keys), np.bool_)
    places = np.minimum(np.searchsorted(others, keys), len(others) - 1)
    among: NDArray[np.bool_] = others[places] == keys
    return among
