"""What the judge of an experiment saw at one moment, and what follows from it."""

from datetime import datetime
from typing import Literal

from everloop.contracts.base import Contract
from everloop.contracts.traffic import TrafficMode

ExperimentVerdict = Literal["continue", "step", "promote", "abort"]
"""`step`: a canary's next share is due. `abort`: all traffic to the champion."""


class VariantReport(Contract):
    """What one variant did since the experiment began; a shadow's rows are those it scored beside the champion."""

    variant: Literal["champion", "challenger"]
    version: int
    units: int
    """Entities; rows, where the model has none."""
    rows: int
    """Without those that a rule answered, which say nothing about either version."""
    outcomes: int
    """Rows of which it is known what really happened."""
    answered_by: dict[str, float]
    """Shares of the rows."""
    fallback_share: float
    """Of the rows, those that the version could not answer itself."""
    latency_ms: float | None
    """Median time to score a row."""
    loss: float | None
    """Mean of the rows with an outcome."""


class LossDifference(Contract):
    """The challenger's mean loss beyond the champion's: below 0 it is better."""

    value: float
    low: float
    high: float
    """With `low`, bounds that hold at every look, however often one looks."""


class SampleRatio(Contract):
    """Units of the present share, of which the challenger should have got `share`."""

    share: float
    champion: int
    challenger: int
    p_value: float
    """Valid at every look."""
    mismatch: bool


class GuardrailReport(Contract):
    name: str
    value: float | None
    """None as long as there are too few rows to tell."""
    limit: float
    broken: bool


class ExperimentReport(Contract):
    model: str
    salt: str
    mode: TrafficMode
    champion: int
    challenger: int
    share: float
    started_at: datetime
    ends_at: datetime
    judged_at: datetime
    loss: str
    """What a row loses; lower is better."""
    variants: tuple[VariantReport, ...]
    """The champion, then the challenger."""
    difference: LossDifference | None
    """None as long as nothing can be said."""
    sample_ratio: SampleRatio | None
    """None for a shadow, which takes no traffic."""
    guardrails: tuple[GuardrailReport, ...]
    verdict: ExperimentVerdict
    reasons: tuple[str, ...]
    decides: bool
    """Whether the verdict is carried out, or only told."""

    @property
    def went_wrong(self) -> bool:
        """The challenger broke, or the comparison did; being worse is no accident, but what a trial is for."""
        return any(each.broken for each in self.guardrails) or bool(self.sample_ratio and self.sample_ratio.mismatch)
