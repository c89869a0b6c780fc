"""Answers to prediction requests, and the records of predictions and outcomes on their way to the lake."""

from typing import Any, Literal

from everloop.contracts.base import Contract

Variant = Literal["champion", "challenger", "pinned"]
"""Whose row it is by assignment, whoever answered in the end. `pinned`: the caller asked for that very version, so its
answers say nothing about the traffic's."""


class PredictionsMessage(Contract):
    """Rows of one request, column by column, each in the rows' order: 1,000 small objects would take longer to make
    than to score."""

    kind: Literal["predictions"] = "predictions"
    model: str
    predicted_at: str
    """ISO 8601, UTC; so are `event_time`s."""
    prediction_id: tuple[str, ...]
    event_time: tuple[str, ...]
    """The row's own timestamp, or `predicted_at` where the model has none."""
    version: tuple[int | None, ...]
    variant: tuple[Variant, ...]
    answered_by: tuple[str, ...]
    score: tuple[float | None, ...]
    label: tuple[str | None, ...]
    inputs: dict[str, tuple[Any, ...]]
    """What the model took, by column: timestamps as epoch seconds; hashed or left out where it is personal."""
    latency_ms: tuple[float | None, ...]
    """What scoring took, divided by the rows that were scored with it; None where no model answered."""
    shadow: tuple[int | None, ...] = ()
    """The version that shall score a row beside, where the log is written; empty where none does."""

    def __len__(self) -> int:
        return len(self.prediction_id)


class OutcomeRecord(Contract):
    prediction_id: str
    actual: float | str
    observed_at: str


class OutcomesMessage(Contract):
    kind: Literal["outcomes"] = "outcomes"
    model: str
    records: tuple[OutcomeRecord, ...]
