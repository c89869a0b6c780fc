"""What a monitoring check found and decided."""

from datetime import datetime
from typing import Literal

from everloop.contracts.base import Contract

Verdict = Literal["healthy", "drifting", "degraded", "too-few-rows", "no-champion"]


class ColumnDriftRecord(Contract):
    column: str
    statistic: str
    effect: float
    p_value: float
    psi: float
    drifted: bool


class Performance(Contract):
    """The champion's metric on joined outcomes, beside what it reached on its own holdout."""

    metric: str
    rows: int
    value: float
    low: float
    high: float
    reference: float
    reference_low: float
    reference_high: float


class HistorySkew(Contract):
    """Predictions whose history was made again from what the lake holds now, and those that it was not the same for."""

    rows: int
    different: int
    columns: dict[str, int] = {}
    """Different rows by history feature, where there are any."""

    @property
    def share(self) -> float:
        return self.different / self.rows if self.rows else 0.0


class Check(Contract):
    model: str
    check_id: str
    scheduled_time: datetime
    window_start: datetime
    version: int | None
    rows: int
    outcomes: int
    unknown_outcomes: int = 0
    """Observed in the window, of predictions that the log does not have."""
    verdict: Verdict
    reasons: tuple[str, ...] = ()
    columns: tuple[ColumnDriftRecord, ...] = ()
    performance: Performance | None = None
    history_skew: HistorySkew | None = None
    """None for a model without history, and where no prediction could be looked at."""
    history_problem: str | None = None
    """Why the history could not be made again."""
    retraining: str | None = None
    """The run id of the retraining this check asked for."""
    held_back: str | None = None
    """Why a retraining that was due was not asked for: cooldown or weekly maximum."""

    @property
    def drifted_columns(self) -> tuple[str, ...]:
        return tuple(column.column for column in self.columns if column.drifted)
