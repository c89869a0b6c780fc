"""Recommend items: who took what becomes scores of all items for a history, the best of which are the answer.

A user is what the newest items of the history say, weighted by their age. So a model knows many users by their ids, and
takes the history of anyone else with the request. Who has none is recommended what is popular.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from scipy import sparse  # type: ignore[import-untyped]  # scipy has no types

from everloop.columns import Columns
from everloop.contracts.recommendation import HISTORY_ITEMS, ITEMS, SEPARATOR, Recommendation
from everloop.metrics import Floats
from everloop.scorer import Recommended, Scorer, joined, parts
from everloop.training.algorithms import (
    HISTORY_SPACE,
    Floats32,
    Histories,
    HistoryTensors,
    ItemScorer,
    Numbers,
    load_recommender,
)
from everloop.training.judging import judge_recommendations
from everloop.training.nodes import Nodes
from everloop.training.prepared import PreparedDataset
from everloop.training.recommender_graph import EXCLUDED, write_graph

MOST_USERS = 50_000
"""Whose histories are stored, those with the newest interactions, in 20 MB. Others send theirs with the request."""
MOST_ITEMS = 50_000
"""That can be recommended, the most popular ones: each costs a score in every answer."""
_SMALLEST_SCALE = 1e-6


@dataclass(frozen=True)
class Recommender:
    entity: str
    users: npt.NDArray[Any]
    """Ids in ascending order, as requests carry them: text, or int64."""
    histories: npt.NDArray[np.int32]
    """[users + 1, longest] item numbers, newest first, filled up with the number after the last; so is the last row."""
    items: list[str]
    """Ids by number, the most popular first: of equal scores the lower number is recommended."""
    popularity: Floats32
    """[items], the share of each in all interactions."""
    weights: Floats32
    """[HISTORY_ITEMS] of an item, by how many newer ones there are."""
    repeat: float
    """What an item of the history counts itself, beside what the others say for it."""
    options: Recommendation
    scorer: ItemScorer

    @property
    def k(self) -> int:
        return min(self.options.items, len(self.items))

    def recommend(self, columns: Columns) -> Recommended:
        """What the graph answers."""
        return joined(self._best(*self._score(part)) for part in parts(columns, len(self.items)))

    def judge(self, dataset: PreparedDataset, rows: slice) -> tuple[Floats, Floats]:
        """As the metrics take them: see `judge_recommendations`."""
        return judge_recommendations(self.recommend, dataset, np.arange(len(dataset.target))[rows])

    def _score(self, columns: Columns) -> tuple[Floats32, npt.NDArray[np.bool_]]:
        """Of all items [n, items], and whether they are in the history."""
        histories = self._histories(columns)
        rows, count = len(histories), len(self.items)
        weights = np.broadcast_to(self.weights, histories.shape).astype(np.float32)
        taken = np.zeros((rows, count + 1), np.float32)
        np.add.at(taken, (np.arange(rows)[:, None], histories), weights)
        taken = taken[:, :count]
        scores = self.scorer.score(Histories(taken, histories, weights)) + np.float32(self.repeat) * taken
        return np.where(taken.any(axis=1, keepdims=True), scores, self.popularity), taken > 0

    def to_onnx(self) -> onnx.ModelProto:
        """Raw columns to ids and scores [n, k], the best first."""
        return write_graph(self)

    def difference(self, model: bytes, dataset: PreparedDataset) -> tuple[float, int]:
        """Largest difference of the graph's scores to these, relative to a row's largest, and how many rows it is of.
        The largest is that of any item, since it is what the sums are rounded by.

        An answer is right if its scores are the highest there are, and if each of its items has the score it comes
        with: which of two equal ones comes first is decided by the last bit of a sum.
        """
        graph, worst, rows = Scorer(model), 0.0, 0
        for columns in (dataset.holdout_raw, dataset.probes_raw):
            for part in parts(columns, len(self.items)):
                answered, (scores, is_known) = graph.recommend(part), self._score(part)
                best = self._best(scores, is_known).scores
                places = [[self._numbers.get(item, -1) for item in row] for row in answered.items.tolist()]
                own = np.where(answered.items == "", 0.0, np.take_along_axis(scores, np.array(places), axis=1))
                scale = np.maximum(np.abs(scores).max(axis=1, keepdims=True), _SMALLEST_SCALE)
                found = np.abs(np.stack([best, own]) - answered.scores) / scale
                worst = max(worst, float(np.nan_to_num(found, nan=np.finfo(np.float64).max).max()))
                rows += len(answered.items)
        return worst, rows

    def _best(self, scores: Floats32, is_known: npt.NDArray[np.bool_]) -> Recommended:
        if self.options.exclude_known:
            scores = np.where(is_known, np.float32(EXCLUDED), scores)
        places = np.argsort(-scores, axis=1, kind="stable")[:, : self.k]
        values = np.take_along_axis(scores, places, axis=1).astype(np.float64)
        is_none = values <= EXCLUDED
        return Recommended(np.where(is_none, "", np.array(self.items, object)[places]), np.where(is_none, 0.0, values))

    def _histories(self, columns: Columns) -> Numbers:
        """Of the request, or else the stored one of the user: [n, HISTORY_ITEMS] item numbers."""
        asked, texts = columns[self.entity][:, 0].tolist(), columns[ITEMS][:, 0].tolist()
        none = len(self.items)
        histories = np.full((len(asked), HISTORY_ITEMS), none)
        for row, (user, text) in enumerate(zip(asked, texts, strict=True)):
            if text:
                given = [self._numbers.get(item, none) for item in text.split(SEPARATOR)[:HISTORY_ITEMS]]
                histories[row, : len(given)] = given
            else:
                stored = self.histories[self._rows.get(user, len(self.users))]
                histories[row, : len(stored)] = stored
        return histories

    @cached_property
    def _rows(self) -> dict[str | int, int]:
        return {user: row for row, user in enumerate(self.users.tolist())}

    @cached_property
    def _numbers(self) -> dict[str, int]:
        return {item: number for number, item in enumerate(self.items)}


@dataclass(frozen=True)
class Popularity:
    """Nothing speaks for any item, so that the order of the items decides: the naive recommendation."""

    def score(self, histories: Histories) -> Floats32:
        return np.zeros_like(histories.taken)

    def to_onnx(self, graph: Nodes, histories: HistoryTensors) -> str:
        return graph.node("Mul", histories.taken, graph.constant(np.float32(0)))


def fit_recommender(
    algorithm: str, parameters: Mapping[str, Any], dataset: PreparedDataset, rows: slice, *, seed: int
) -> Recommender:
    """From these rows of the dataset alone."""
    own = {name: value for name, value in parameters.items() if name not in HISTORY_SPACE}
    learner = load_recommender(algorithm)
    return _fit(dataset, rows, parameters, lambda matrix: learner.fit(matrix, own, seed=seed))


def fit_popularity(dataset: PreparedDataset, rows: slice) -> Recommender:
    return _fit(dataset, rows, {"decay": 1.0, "repeat": 0.0}, lambda _: Popularity())


def _fit(
    dataset: PreparedDataset,
    rows: slice,
    parameters: Mapping[str, Any],
    learn: Callable[[sparse.csr_array], ItemScorer],
) -> Recommender:
    assert dataset.recommendation is not None
    taken = dataset.target[rows].astype(np.int64)
    counts = np.bincount(taken, minlength=len(dataset.classes))
    popular = np.argsort(-counts, kind="stable")[: min(np.count_nonzero(counts), MOST_ITEMS)]
    numbers = np.full(len(dataset.classes), -1)
    numbers[popular] = np.arange(len(popular))
    known = numbers[taken] >= 0
    items = numbers[taken][known]
    users, user = np.unique(dataset.inputs.texts[rows, 0][known], return_inverse=True)
    matrix = sparse.csr_array((np.ones(len(items)), (user, items)), shape=(len(users), len(popular)))
    stored, histories = _newest(user, items, len(popular))
    entity = dataset.text_names[0]
    is_text = dataset.holdout_raw[entity].dtype == object
    ids = users[stored] if is_text else users[stored].astype(np.int64)
    order = np.argsort(ids, kind="stable")
    return Recommender(
        entity=entity,
        users=ids[order],
        histories=np.vstack([histories[order], np.full((1, histories.shape[1]), len(popular))]).astype(np.int32),
        items=[str(dataset.classes[number]) for number in popular],
        popularity=(counts[popular] / counts.sum()).astype(np.float32),
        weights=(parameters["decay"] ** np.arange(HISTORY_ITEMS)).astype(np.float32),
        repeat=parameters["repeat"],
        options=dataset.recommendation,
        scorer=learn(matrix),
    )


def _newest(user: Numbers, items: Numbers, none: int) -> tuple[Numbers, Numbers]:
    """The users to be stored, and their histories, newest first, filled up with `none`; rows come oldest first."""
    users = int(user.max()) + 1
    order = np.argsort(user[::-1], kind="stable")
    by_user, newest = user[::-1][order], items[::-1][order]
    starts = np.searchsorted(by_user, np.arange(users))
    age = np.arange(len(by_user)) - starts[by_user]
    width = min(HISTORY_ITEMS, int(age.max()) + 1)
    histories = np.full((users, width), none)
    kept = age < width
    histories[by_user[kept], age[kept]] = newest[kept]
    last_seen = len(user) - 1 - order[starts]
    stored = np.argsort(-last_seen, kind="stable")[:MOST_USERS]
    return stored, histories[stored]
