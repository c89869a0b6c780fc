"""A text whose words tell the target almost perfectly: most likely a note that was written once it was known."""

import re
from collections.abc import Iterator, Mapping

import numpy as np
from numpy.typing import NDArray

from everloop.contracts.tasks import Task
from everloop.features.leakage.lone_predictor import MINIMUM_CLASS_ROWS, SUSPICIOUS_STRENGTH, lone_predictors
from everloop.features.leakage.sample import Column, is_null, is_number, sample
from everloop.features.leakage.suspect import Suspect

MAXIMUM_ROWS = 20_000
MAXIMUM_WORDS = 500
"""The most frequent ones, each in MINIMUM_CLASS_ROWS or more."""
MAXIMUM_TOGETHER = 10
"""Words that tell the target together: several ways to say the same, or one for each class."""
MINIMUM_LEVEL_SHARE = 0.1
"""Of the rows. Fewer levels come again and again, and the lone predictor knows them as they are."""
MINIMUM_MEAN_WORDS = 2.0
"""Less is a name."""

_WORD = re.compile(r"\w+")
_LEAST_STRENGTH = 0.01
"""Of a word that is worth a second look."""

Flags = NDArray[np.bool_]


def telling_words(
    columns: Mapping[str, Column], target: Column, task: Task, *, strength_from: float = SUSPICIOUS_STRENGTH
) -> Iterator[Suspect]:
    """What the lone predictor says of a word being in the row, or of which of the most telling words are."""
    texts = {name: values for name, values in columns.items() if not is_number(values)}
    few, outcome = sample(texts, target, maximum_rows=MAXIMUM_ROWS)
    for name, values in few.items():
        rows_of = _rows_of_words(values)
        alone = list(lone_predictors(rows_of, outcome, task, strength_from=_LEAST_STRENGTH))
        alone.sort(key=lambda word: -word.strength)
        best = [word.column for word in alone[:MAXIMUM_TOGETHER]]
        for count in range(1, len(best) + 1):
            words = best[:count]
            together = {name: _as_levels([rows_of[word] for word in words])}
            found = next(lone_predictors(together, outcome, task, strength_from=strength_from), None)
            if found:
                yield found._replace(evidence=f"by {', '.join(map(repr, words))} {found.evidence}")
                break


def _rows_of_words(values: Column) -> dict[str, Flags]:
    """Of each frequent word the rows it is in; of words that always come together the first. Empty for no prose."""
    filled = np.flatnonzero(~is_null(values))
    if not len(filled) or len(np.unique(values[filled])) < MINIMUM_LEVEL_SHARE * len(filled):
        return {}
    places: dict[str, list[int]] = {}
    words = 0
    for place in filled.tolist():
        found = _WORD.findall(str(values[place]).lower())
        words += len(found)
        for word in dict.fromkeys(found):
            places.setdefault(word, []).append(place)
    if words < MINIMUM_MEAN_WORDS * len(filled):
        return {}
    frequent = [word for word, rows in places.items() if len(rows) >= MINIMUM_CLASS_ROWS]
    frequent.sort(key=lambda word: -len(places[word]))
    rows_of: dict[bytes, tuple[str, Flags]] = {}
    for word in frequent[:MAXIMUM_WORDS]:
        flags = np.zeros(len(values), np.bool_)
        flags[places[word]] = True
        rows_of.setdefault(flags.tobytes(), (word, flags))
    return dict(rows_of.values())


def _as_levels(words: list[Flags]) -> Column:
    """Which of them are in the row, as a text for each combination."""
    return np.asarray(np.left_shift(1, np.arange(len(words))) @ np.asarray(words)).astype(str)
