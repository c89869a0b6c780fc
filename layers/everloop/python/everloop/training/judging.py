"""What a model's answers and what really happened are to the metrics: rows, or users with what they took."""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from everloop.columns import Columns
from everloop.contracts.tasks import Task
from everloop.metrics import Floats
from everloop.scorer import Recommended, Scorer
from everloop.training.interactions import requests_of
from everloop.training.prepared import PreparedDataset

Numbers = npt.NDArray[np.int64]


def judge(scorer: Scorer, dataset: PreparedDataset, rows: Numbers | None = None) -> tuple[Floats, Floats]:
    """Actual and score, as METRICS take them, of these rows of the holdout, or of all."""
    chosen = np.arange(dataset.holdout_rows) if rows is None else rows
    if dataset.task is Task.RECOMMENDATION:
        return judge_recommendations(scorer.recommend, dataset, len(dataset.target) - dataset.holdout_rows + chosen)
    _, target = dataset.holdout
    raw = {name: values[chosen] for name, values in dataset.holdout_raw.items()}
    return target[chosen], _in_todays_classes(scorer, scorer.score(raw), dataset)


def judge_recommendations(
    recommend: Callable[[Columns], Recommended], dataset: PreparedDataset, rows: Numbers
) -> tuple[Floats, Floats]:
    """Of each user of these interactions, in the order of their ids: how many different items were taken [n], and
    which of the recommended ones were among them [n, k].
    """
    users, user = np.unique(dataset.inputs.texts[rows, 0], return_inverse=True)
    entity = dataset.text_names[0]
    requests = requests_of(entity, users, is_text=dataset.holdout_raw[entity].dtype == object)
    recommended = recommend(requests).items
    numbers = {str(item): number for number, item in enumerate(dataset.classes)}
    places = np.array([[numbers.get(item, -1) for item in row] for row in recommended.tolist()])
    items = len(dataset.classes)
    pairs = np.unique(user * items + dataset.target[rows].astype(np.int64))
    relevance = (places >= 0) & np.isin(np.arange(len(users))[:, None] * items + places, pairs)
    return np.bincount(pairs // items, minlength=len(users)).astype(np.float64), relevance.astype(np.float64)


def known_items(dataset: PreparedDataset) -> Numbers:
    """How many interactions before the holdout each of its users has, [n] in the order that they are judged in."""
    start = len(dataset.target) - dataset.holdout_rows
    texts = dataset.inputs.texts[:, 0]
    judged = np.unique(texts[start:])
    users, counts = np.unique(texts[:start], return_counts=True)
    known = dict(zip(users.tolist(), counts.tolist(), strict=True))
    return np.array([known.get(user, 0) for user in judged.tolist()])


def _in_todays_classes(scorer: Scorer, score: Floats, dataset: PreparedDataset) -> Floats:
    """Probabilities in the order of the dataset's classes; 0 for a class that is new since."""
    if scorer.task is Task.MULTICLASS:
        places = {label: place for place, label in enumerate(scorer.classes)}
        unknown = np.zeros((len(score), 1))
        return np.hstack([score, unknown])[:, [places.get(label, -1) for label in dataset.classes]]
    return score
