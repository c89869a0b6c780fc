"""Logged traffic through another version: what is asked for, and what would have been answered otherwise."""

from typing import Annotated

from pydantic import AwareDatetime, Field, StrictInt

from everloop.contracts.base import Contract, Duration


class ReplayRequest(Contract):
    model: str
    version: StrictInt
    last: Duration
    until: AwareDatetime
    by: str | None = None
    """A column whose values are the segments; left out, each category and boolean of few values is one of them."""


class Differences(Contract):
    """How far the version's scores are from those that were answered: its own minus the logged one.

    Of recommendations, the share of the items that are others.
    """

    mean: float
    quantiles: dict[str, float]
    edges: tuple[float, ...]
    """[bins + 1]; what lies beyond counts in the outer bins."""
    counts: tuple[int, ...]
    """[bins]"""


class Segment(Contract):
    column: str
    value: str | None
    rows: int
    flips: int | None
    """Of values None: they have no label."""
    mean_distance: float
    """Of the scores, whatever the direction."""


class Compared(Contract):
    """Over the rows whose outcome is known."""

    name: str
    logged: float
    version: float
    difference: float
    """The version's minus the logged one; `low` and `high` are its 95 % interval, taking rows as independent."""
    low: float
    high: float


class CostBound(Contract):
    """By `serving.costs`: how the total changes for the flips of which no outcome is known, at best and at worst."""

    flips: int
    best: float
    worst: float


class ReplayReport(Contract):
    model: str
    version: int
    since: AwareDatetime
    until: AwareDatetime
    logged_versions: dict[str, int]
    """Who answered the rows that were replayed."""
    rows: int
    skipped: dict[str, int]
    """Rows that were not replayed, by the reason."""
    flips: int | None
    """Rows of another label, or of another first item."""
    agreement: Annotated[float, Field(ge=0, le=1)] | None
    """Share of the rows with the same label, or the same first item."""
    directions: dict[str, int]
    """`"False → True": 7`, and of values `higher`, `lower` and `same`; the most frequent first."""
    differences: Differences | None
    segments: tuple[Segment, ...]
    """Those with the most flips for their size first; of values, those that moved farthest."""
    latency_ms: float | None
    """Median time in which the version scores a row alone, on the machine of the replay."""
    logged_latency_ms: float | None
    """Median of what was logged: of rows scored together, each its share."""
    outcomes: int
    """Rows with a known outcome that were compared."""
    metric: Compared | None
    loss: Compared | None
    """Per row; lower is better. With `serving.costs`, the cost."""
    cost_bound: CostBound | None
