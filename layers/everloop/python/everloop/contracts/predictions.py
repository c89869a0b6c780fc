"""Answers to prediction requests, and the records of predictions and outcomes on their way to the lake."""

from typing import Any, Literal

from everloop.contracts.base import Contract

Variant = Literal["champion", "pinned"]
"""`pinned`: the caller asked for that very version, so its answers say nothing about the traffic's."""


class PredictionRecord(Contract):
    prediction_id: str
    predicted_at: str
    event_time: str
    """The row's own timestamp, or `predicted_at` where the model has none; ISO 8601, UTC."""
    version: int | None
    variant: Variant
    answered_by: str
    score: float | None = None
    label: str | None = None
    inputs: dict[str, Any]


class PredictionsMessage(Contract):
    kind: Literal["predictions"] = "predictions"
    model: str
    records: tuple[PredictionRecord, ...]


class OutcomeRecord(Contract):
    prediction_id: str
    actual: float | str
    observed_at: str


class OutcomesMessage(Contract):
    kind: Literal["outcomes"] = "outcomes"
    model: str
    records: tuple[OutcomeRecord, ...]
