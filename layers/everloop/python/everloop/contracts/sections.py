"""The sections of a definition that say how a model is trained, promoted, served and watched."""

from typing import Literal

from pydantic import Field

from everloop.contracts.base import Contract, Duration, parse_duration
from everloop.contracts.columns import Csv
from everloop.contracts.traffic import Canary, Shadow


class Data(Contract):
    target: str
    positive: str | None = None
    """The level of a textual binary target that counts as 1."""
    timestamp: str | None = None
    entity: str | None = None
    row_id: tuple[str, ...] = ()
    maximum_invalid_share: float = Field(default=0.5, ge=0, lt=1)
    """Above it the file rather than its rows is at fault (another export, another unit): none of it is believed."""
    csv: Csv = Csv()


class Holdout(Contract):
    by: Literal["time", "random"]
    fraction: float = Field(default=0.2, gt=0, lt=0.9)


LEAST_TRAINING_ROWS = 50


class Training(Contract):
    algorithms: tuple[str, ...] = ()
    """Empty means every algorithm that learns the task and can keep what columns declare as monotone."""
    metric: str = ""
    """Empty means the task's first metric."""
    trials: int = Field(default=6, ge=1, le=200)
    window: Duration | None = None
    holdout: Holdout | None = None
    seed: int = Field(default=7, ge=0, lt=2**31)
    minimum_rows: int = Field(default=200, ge=LEAST_TRAINING_ROWS)


class Promotion(Contract):
    mode: Literal["automatic", "canary", "shadow", "manual"] = "automatic"
    canary: Canary = Canary()
    shadow: Shadow = Shadow()
    minimum: dict[str, float] = {}
    must_beat_champion: bool = True
    worst_slice: float | None = None
    """What the metric must reach in every slice of the holdout: a floor, for losses a ceiling."""
    max_latency_ms: float | None = Field(default=None, gt=0)
    max_size_mb: float | None = Field(default=None, gt=0)
    """Of model.onnx, in millions of bytes."""


class Costs(Contract):
    """What a wrong label costs, in any unit: only their ratio counts."""

    false_positive: float = Field(gt=0)
    false_negative: float = Field(gt=0)

    @property
    def threshold(self) -> float:
        """The probability from which on the positive label is the cheaper one (Elkan, IJCAI 2001)."""
        return self.false_positive / (self.false_positive + self.false_negative)


Constant = float | str | tuple[str | int, ...]
"""An answer without a model: a number, a label, or a list of items."""


class Rule(Contract):
    """Answers the rows that meet its condition, before any model is asked; of several rules, the first one does."""

    name: str = Field(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$", max_length=63)
    when: str
    """A condition over the columns, histories and features of a row, in the language of features."""
    answer: Constant


class Serving(Contract):
    latency_slo_ms: float = Field(default=100, gt=0)
    """What an answer may take; a version that scores longer than that is too slow, and the next in line answers."""
    rules: tuple[Rule, ...] = ()
    fallback: Constant | None = None
    costs: Costs | None = None
    log_retention: Duration = parse_duration("365 days")
    """How long predictions and outcomes stay in the lake."""


class Monitoring(Contract):
    every: Duration = parse_duration("1 day")
    window: Duration = parse_duration("7 days")
    minimum_rows: int = Field(default=500, ge=50)


class Retraining(Contract):
    cooldown: Duration = parse_duration("1 day")
    maximum_per_week: int = Field(default=3, ge=0)
