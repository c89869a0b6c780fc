"""How the requests of a model are divided between its champion and a challenger, and what asks for it."""

from datetime import datetime, timedelta
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, StrictBool, StrictFloat, StrictInt

from everloop.contracts.base import Contract, Duration, parse_duration

TrafficMode = Literal["ab", "canary", "shadow"]
"""`ab`: a share of the entities, until one is better. `canary`: a growing share, until it is whole or went wrong.
`shadow`: the challenger scores beside and answers nobody."""


def _growing(shares: tuple[float, ...]) -> tuple[float, ...]:
    """The whole is no step: it is the promotion."""
    if any(share >= later for share, later in zip((0.0, *shares), (*shares, 1.0), strict=True)):
        raise ValueError(f"expected growing shares, each above 0 and below 1, got {list(shares)}")
    return shares


Steps = Annotated[tuple[float, ...], AfterValidator(_growing)]


class Guardrails(Contract):
    """What ends an experiment early, whatever its outcomes say."""

    maximum_fallback_share: float = Field(default=0.02, ge=0, le=1)
    """Of the challenger's rows, those it could not answer itself, beyond the champion's share."""
    maximum_latency_ratio: float = Field(default=2, gt=1)
    """The challenger's median time to score a row over the champion's; below `latency_slo_ms / 10` it is never slow."""
    minimum_rows: int = Field(default=100, ge=20)
    """Of the challenger, before a share or a median is believed."""


class Traffic(Contract):
    mode: TrafficMode
    challenger: int
    share: float = Field(gt=0, le=1)
    """Of the entities (of the rows, where the model has none) that the challenger answers, or scores beside."""
    salt: str
    """Of the hash that assigns an entity: one for each experiment, so that nobody is always a guinea pig."""
    started_at: datetime
    ends_at: datetime
    """When it is over even if nothing is decided: an A/B then leaves the champion, the others promote."""
    step_since: datetime
    """When the present share began."""
    steps: Steps = ()
    """A canary's shares to come, growing."""
    step_for: Duration = timedelta(hours=1)
    """How long a canary keeps a share at least."""
    decides: bool = True
    """Whether the end promotes or aborts by itself; else it is only told."""
    guardrails: Guardrails = Guardrails()


class Canary(Contract):
    """How a trained version takes over step by step."""

    steps: Steps = Field(default=(0.05, 0.25, 0.5), min_length=1)
    step_for: Duration = parse_duration("1 hour")
    guardrails: Guardrails = Guardrails()


class Shadow(Contract):
    """How a trained version is watched before it answers."""

    share: float = Field(default=1, gt=0, le=1)
    during: Duration = parse_duration("1 day")
    guardrails: Guardrails = Guardrails()


class TrafficRequest(Contract):
    """An experiment that is asked for; what is left out is as the definition says, or a default."""

    mode: TrafficMode
    challenger: StrictInt
    share: StrictFloat | None = Field(default=None, gt=0, le=1)
    during: Duration | None = Field(default=None, alias="for")
    """How long at most, and a shadow how long at least."""
    steps: Steps | None = Field(default=None, min_length=1)
    step_for: Duration | None = None
    guardrails: Guardrails | None = None
    """Those that are given replace the definition's one by one."""
    decides: StrictBool = True
    reason: str | None = None


_DURATION = "a duration such as '7 days' or '12 hours'"
EXPECTED = {
    "mode": "'ab', 'canary', 'shadow' or, to end the experiment, 'champion'",
    "challenger": "the number of a version",
    "share": "a number above 0 and at most 1",
    "for": _DURATION,
    "steps": "a list of growing shares, each above 0 and below 1",
    "step_for": _DURATION,
    "guardrails": f"an object of {', '.join(Guardrails.model_fields)}",
    "maximum_fallback_share": "a number from 0 to 1",
    "maximum_latency_ratio": "a number above 1",
    "minimum_rows": "an integer from 20",
    "decides": "true or false",
    "reason": "text",
}
"""What the caller is told that a field takes."""
