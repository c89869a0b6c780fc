"""An experiment that is asked for, with all that was left out: from the definition, or by default."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from everloop.contracts.base import format_duration
from everloop.contracts.definition import Definition
from everloop.contracts.sections import Promotion
from everloop.contracts.traffic import Guardrails, Traffic, TrafficMode, TrafficRequest
from everloop.errors import ConflictingRequestError, MalformedBodyError

DECIDED_WITHIN = timedelta(days=14)
"""Two weeks see each day of the week twice; what is not better by then is hardly worth the change."""

_DEFAULTS: dict[TrafficMode, Callable[[Promotion], dict[str, Any]]] = {
    "ab": lambda _: {"share": 0.5, "during": DECIDED_WITHIN, "guardrails": Guardrails()},
    "canary": lambda promotion: {**dict(promotion.canary), "during": None},
    "shadow": lambda promotion: dict(promotion.shadow),
}
"""What can be said of each mode, beside what can be of all."""
_OF_ALL = {"mode", "challenger", "decides", "reason"}


def plan_traffic(definition: Definition, request: TrafficRequest, *, salt: str, at: datetime) -> Traffic:
    """Raises MalformedBodyError, or ConflictingRequestError for a shadow of what is not in the log."""
    if request.mode == "shadow" and definition.unlogged_inputs:
        raise ConflictingRequestError(
            f"a shadow of {definition.name!r} would score what was logged, and the log has no"
            f" {', '.join(definition.unlogged_inputs)}: personal data (`pii`); expected the mode 'ab' or 'canary'"
        )
    settings = _settings(definition.promotion, request)
    shares: tuple[float, ...] = settings.get("steps") or (settings["share"],)
    if request.mode == "ab" and shares == (1,):
        raise MalformedBodyError("share: expected below 1, or no row is left to compare with the champion's, got 1")
    planned = {name: value for name, value in settings.items() if name in Traffic.model_fields}
    return Traffic.model_validate(
        {
            **planned,
            "mode": request.mode,
            "challenger": request.challenger,
            "share": shares[0],
            "steps": shares[1:],
            "salt": salt,
            "started_at": at,
            "step_since": at,
            "ends_at": at + _during(settings),
            "decides": request.decides,
        }
    )


def _settings(promotion: Promotion, request: TrafficRequest) -> dict[str, Any]:
    settings = _DEFAULTS[request.mode](promotion)
    given = {name: value for name, value in dict(request).items() if name not in _OF_ALL and value is not None}
    for name in given.keys() - settings.keys():
        allowed = ", ".join(map(_written, settings))
        raise MalformedBodyError(f"{_written(name)}: not of the mode {request.mode!r}, which takes {allowed}")
    if request.guardrails:
        given["guardrails"] = settings["guardrails"].model_copy(
            update=request.guardrails.model_dump(exclude_unset=True)
        )
    return settings | given


def _during(settings: dict[str, Any]) -> timedelta:
    """A canary that meets too few rows keeps a step for longer than it has to."""
    least: timedelta = len(settings.get("steps", ())) * settings.get("step_for", timedelta(0))
    during: timedelta = settings["during"] or max(DECIDED_WITHIN, 2 * least)
    if during < least:
        raise MalformedBodyError(
            f"for: expected {format_duration(least)} at least, which the {len(settings['steps'])} steps take, got"
            f" {format_duration(during)}"
        )
    return during


def _written(name: str) -> str:
    return TrafficRequest.model_fields[name].alias or name
