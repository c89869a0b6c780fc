"""What a request is answered with, row by row."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from everloop.columns import Columns
from everloop.contracts.predictions import Variant
from everloop.errors import EverloopError


class RecommendedItem(NamedTuple):
    item: str | int
    score: float | None
    """None for one that no model recommended."""


class Part(NamedTuple):
    """Some rows of a request, answered together."""

    version: int | None
    answered_by: str
    scores: Sequence[float | None]
    labels: Sequence[Any]
    latency_ms: float | None = None
    """Of each row, in the mean."""


@dataclass(slots=True)
class Answer:
    """Lists with one element per row of the request, in its order."""

    versions: list[int | None]
    """None where a rule or the constant answered."""
    answered_by: list[str]
    variants: list[Variant]
    scores: list[float | None]
    """Of the positive class or of the label, or the value; None when a text answers, and of a recommendation."""
    labels: list[Any]
    """The class, the list of recommendations, or None for a value."""
    latency_ms: list[float | None]
    shadows: list[int | None] | None = None
    """The version that shall score a row beside."""
    inputs: Columns = field(default_factory=dict)
    failures: list[EverloopError] = field(default_factory=list)
    """Why others than those that answered did not, or why history is missing."""
    history_misses: int = 0
    """Entities named by rows of which no history is kept."""

    @classmethod
    def empty(cls, rows: int) -> "Answer":
        return cls([None] * rows, [""] * rows, ["champion"] * rows, [None] * rows, [None] * rows, [None] * rows)

    def fill(self, rows: Sequence[int], part: Part) -> None:
        """`rows`: which of the request the part is about, in its order."""
        if len(rows) == len(self.scores):
            self.versions, self.answered_by = [part.version] * len(rows), [part.answered_by] * len(rows)
            self.scores, self.labels = list(part.scores), list(part.labels)
            self.latency_ms = [part.latency_ms] * len(rows)
            return
        for place, score, label in zip(rows, part.scores, part.labels, strict=True):
            self.versions[place], self.answered_by[place] = part.version, part.answered_by
            self.scores[place], self.labels[place] = score, label
            self.latency_ms[place] = part.latency_ms

    @property
    def fallbacks(self) -> int:
        """Rows that neither a rule nor the version they were assigned to answered."""
        return sum(name.startswith("fallback:") for name in self.answered_by)
