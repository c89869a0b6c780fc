"""The end of a training run, told to whoever looks: a report in the registry and an event on the bus."""

import json
from typing import Any

from everloop.contracts.registry import RunReport
from everloop.ports import Clock, EventBus
from everloop.stores.registry import ModelRegistry

_MAXIMUM_CAUSE = 2_000


def finish_run(
    state: dict[str, Any], status: str, *, registry: ModelRegistry, events: EventBus, clock: Clock
) -> RunReport:
    """`state` is the state machine's: whatever steps were reached left their results in it."""
    evaluation = state.get("evaluation") or {}
    error = _error(state.get("error"))
    declined = _declined(state.get("promotion") or {})
    refusals = [f"{gate['name']}: {gate['detail']}" for gate in evaluation.get("gates", []) if not gate["passed"]]
    report = RunReport.model_validate(
        {
            "model": state["model"],
            "run_id": state["run_id"],
            "status": status,
            "version": (state.get("registration") or {}).get("version"),
            "dataset_version": (state.get("dataset") or {}).get("dataset_version"),
            "reason": (error or {}).get("message") or "; ".join(refusals) or declined or state.get("reason", ""),
            "gates": evaluation.get("gates", []),
            "metrics": evaluation.get("metrics", {}),
            "error": error,
            "finished_at": clock.now(),
        }
    )
    if not registry.save_report(report):
        report = registry.report(report.model, report.run_id)  # a repeated delivery: the first report stands
    events.publish("training.finished", subject=report.model, data=report.model_dump(mode="json"))
    return report


def _declined(promotion: dict[str, Any]) -> str:
    if promotion.get("promoted", True):
        return ""
    return (
        f"version {promotion['champion']} became champion while this run was under way; "
        "compare the two and promote by hand, or train again"
    )


def _error(caught: dict[str, Any] | None) -> dict[str, Any] | None:
    """Step Functions gives {"Error": name, "Cause": JSON text of the Lambda's error, or plain text}."""
    if caught is None:
        return None
    cause = str(caught.get("Cause", ""))
    try:
        message = json.loads(cause)["errorMessage"]
    except (ValueError, KeyError, TypeError):
        message = cause
    return {"type": caught.get("Error", ""), "message": str(message)[:_MAXIMUM_CAUSE]}
