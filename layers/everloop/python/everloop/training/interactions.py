"""Who took what, as a recommender learns from it: checked, and with requests that try its graph."""

import numpy as np
import numpy.typing as npt

from everloop.columns import Columns
from everloop.contracts.definition import Definition
from everloop.contracts.recommendation import HISTORY_ITEMS, ITEMS, join_items
from everloop.contracts.splits import FOLDS, PARTS
from everloop.errors import UnusableTargetError

LEAST = 10
"""Users, and items, in the oldest rows that trials fit on, and users in the holdout."""
_INEXACT = 2**53
"""From here on integers are not all floats, and requests carry numbers as floats."""

Texts = npt.NDArray[np.str_]


def first_of_holdout(time: npt.NDArray[np.float64], fraction: float) -> int:
    """Rows come oldest first; those of one moment, such as the items of one order, stay together."""
    rows = len(time) - max(1, round(len(time) * fraction))
    return int(np.searchsorted(time, time[rows], side="left"))


def check_interactions(definition: Definition, users: Texts, items: Texts, first: int) -> None:
    """Raises UnusableTargetError; `first` is the first row of the holdout."""
    data = definition.data
    oldest = slice(int(first * (PARTS - FOLDS) / PARTS))
    for what, found, where in (
        (data.entity, users[oldest], "the oldest rows, which trials learn from"),
        (data.target, items[oldest], "the oldest rows, which trials learn from"),
        (data.entity, users[first:], "the holdout, which the model is judged on"),
    ):
        count = len(np.unique(found))
        if count < LEAST:
            raise UnusableTargetError(
                f"{what!r}: expected at least {LEAST} different values in {where}, got {count}; upload more data"
            )
    for what, found in ((data.entity, users), (data.target, items)):
        if definition.columns[str(what)].type.is_numeric and np.abs(found.astype(np.float64)).max() >= _INEXACT:
            raise UnusableTargetError(
                f"{what!r}: expected integers below 2^53, got larger ones; declare the column as category"
            )


def requests_of(entity: str, users: Texts, *, is_text: bool) -> Columns:
    """One for each user, as the graph takes it, without items."""
    ids = users.astype(object if is_text else np.float64)
    return {entity: ids.reshape(-1, 1), ITEMS: np.full((len(users), 1), "", object)}


def probes(definition: Definition, users: Texts, items: Texts) -> Columns:
    """Requests for the parity proof: users and items known, unknown, null, repeated, too many, and strangely named."""
    is_text = definition.columns[str(definition.data.entity)].type.is_textual
    known, others = np.unique(users)[[0, -1]].tolist(), ["", "nobody", "Ünïcödé 字", " ", "\t\x01"]
    asked = [*known, *(others if is_text else ["", "-1", "0", "9007199254740992"])]
    ids = np.unique(items)
    first, last = ids[[0, -1]].tolist()
    lists = [
        [],
        [first],
        [last, first, last],
        ["never seen"],
        ["never seen", first, "", "\x01", "字"],
        ids[: HISTORY_ITEMS + 20].tolist(),
        [first] * (HISTORY_ITEMS + 1),
    ]
    pairs = [(user, join_items(given)) for user in asked for given in lists]
    column = np.array([user for user, _ in pairs], object)
    if not is_text:
        column = np.array([float(user or "nan") for user in column])
    texts = np.array([text for _, text in pairs], object)
    return {str(definition.data.entity): column.reshape(-1, 1), ITEMS: texts.reshape(-1, 1)}
