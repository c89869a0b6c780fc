"""Answers to prediction requests, and the records of predictions and outcomes on their way to the lake."""

from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from pydantic import ConfigDict

from everloop.contracts.base import Contract

Variant = Literal["champion", "pinned"]
"""`pinned`: the caller asked for that very version, so its answers say nothing about the traffic's."""


@dataclass(frozen=True, slots=True)
class PredictionRecord:
    """A dataclass, since an answer to 1,000 rows makes 1,000: pydantic judges it where a message is read."""

    __pydantic_config__: ClassVar[ConfigDict] = Contract.model_config

    prediction_id: str
    predicted_at: str
    event_time: str
    """The row's own timestamp, or `predicted_at` where the model has none; ISO 8601, UTC."""
    version: int | None
    variant: Variant
    answered_by: str
    inputs: dict[str, Any]
    score: float | None = None
    label: str | None = None


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
