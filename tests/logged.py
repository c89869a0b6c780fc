"""Predictions and outcomes as the queue brings them to the log."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from everloop.contracts.predictions import OutcomeRecord, OutcomesMessage, PredictionsMessage, Variant
from everloop.ids import new_id


@dataclass(frozen=True)
class Logged:
    """One row of a message."""

    prediction_id: str
    event_time: str
    version: int | None = 1
    variant: Variant = "champion"
    answered_by: str = "model"
    score: float | None = 0.5
    label: str | None = "True"
    latency_ms: float | None = 0.25
    shadow: int | None = None
    inputs: dict[str, Any] = field(default_factory=dict)


_BY_ROW = ("prediction_id", "event_time", "version", "variant", "answered_by", "score", "label", "latency_ms", "shadow")


def id_of(number: int, at: datetime) -> str:
    """The same number made at the same moment has the same id."""
    return new_id(at, number)


def predictions(model: str, rows: Sequence[Logged], *, predicted_at: str | None = None) -> PredictionsMessage:
    columns: dict[str, Any] = {name: tuple(getattr(row, name) for row in rows) for name in _BY_ROW}
    if set(columns["shadow"]) == {None}:
        del columns["shadow"]
    inputs = {name: tuple(row.inputs[name] for row in rows) for name in rows[0].inputs}
    return PredictionsMessage(model=model, predicted_at=predicted_at or rows[0].event_time, inputs=inputs, **columns)


def outcomes(model: str, told: Sequence[OutcomeRecord]) -> OutcomesMessage:
    return OutcomesMessage(model=model, records=tuple(told))
