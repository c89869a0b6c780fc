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


class Check(Contract):
    model: str
    check_id: str
    scheduled_time: datetime
    window_start: datetime
    version: int | None
    rows: int
    outcomes: int
    verdict: Verdict
    reasons: tuple[str, ...] = ()
    columns: tuple[ColumnDriftRecord, ...] = ()
    performance: Performance | None = None
    retraining: str | None = None
    """The run id of the retraining this check asked for."""
    held_back: str | None = None
    """Why a retraining that was due was not asked for: cooldown or weekly maximum."""

    @property
    def drifted_columns(self) -> tuple[str, ...]:
        return tuple(column.column for column in self.columns if column.drifted)
