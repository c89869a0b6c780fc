"""The end of a training run, told to whoever looks: a report in the registry and an event on the bus."""

import json
from typing import Any

from everloop.contracts.registry import Reproduction, RunReport, TrialReport
from everloop.ports import Clock, EventBus
from everloop.registry.reproduction import compare
from everloop.stores.registry import ModelRegistry

_MAXIMUM_CAUSE = 2_000


def finish_run(
    state: dict[str, Any],
    status: str,
    *,
    registry: ModelRegistry,
    events: EventBus,
    clock: Clock,
    started_at: str | None = None,
) -> RunReport:
    """`state` is the state machine's: whatever steps were reached left their results in it.

    The status `compared` becomes `reproduced` or `differs`.
    """
    compared = ""
    reproduction = Reproduction.model_validate(state["reproduction"]) if state.get("reproduction") else None
    if status == "compared" and reproduction:
        status, compared = compare(reproduction, state["candidate"]["sha256"])
    candidate = state.get("candidate") or {}
    evaluation = state.get("evaluation") or {}
    error = _error(state.get("error"))
    introduced = (state.get("promotion") or {}).get("detail")
    refusals = [f"{gate['name']}: {gate['detail']}" for gate in evaluation.get("gates", []) if not gate["passed"]]
    report = RunReport.model_validate(
        {
            "model": state["model"],
            "run_id": state["run_id"],
            "status": status,
            "version": (state.get("registration") or {}).get("version"),
            "dataset_version": (state.get("dataset") or {}).get("dataset_version"),
            "as_of": state.get("as_of"),
            "asked_because": state.get("reason", ""),
            "requested_by": state.get("requested_by", ""),
            "reason": (error or {}).get("message")
            or "; ".join(refusals)
            or introduced
            or compared
            or state.get("reason", ""),
            "notes": (state.get("dataset") or {}).get("notes", []),
            "metric": evaluation.get("metric"),
            "metrics": evaluation.get("metrics", {}),
            "intervals": evaluation.get("intervals", {}),
            "champion": _champion(evaluation.get("champion")),
            "gates": evaluation.get("gates", []),
            "rungs": _search(state)["rungs"] if _trials(state) and _search(state) else [],
            "trials": _trials(state),
            "chosen_trial": candidate.get("trial"),
            "choice": candidate.get("choice", ""),
            "algorithm": candidate.get("algorithm"),
            "reproduces": reproduction.version if reproduction else None,
            "error": error,
            "started_at": started_at,
            "finished_at": clock.now(),
        }
    )
    if not registry.save_report(report):
        report = registry.report(report.model, report.run_id)  # a repeated delivery: the first report stands
    events.publish("training.finished", subject=report.model, data=report.model_dump(mode="json"))
    return report


def _trials(state: dict[str, Any]) -> list[dict[str, Any]]:
    """Each as it ended in the last rung that it was judged in."""
    ended = [*_search(state).get("dropped", []), *(state.get("trials") or [])]
    last = {trial["trial"]: trial for trial in ended}
    return [
        {name: last[number][name] for name in TrialReport.model_fields if name in last[number]}
        for number in sorted(last)
    ]


def _search(state: dict[str, Any]) -> dict[str, Any]:
    return (state.get("dataset") or {}).get("search") or {}


def _champion(metrics: dict[str, Any] | None) -> dict[str, Any] | None:
    if metrics is None:
        return None
    known = {name: metrics[name] for name in ("version", "rows")}
    return {**known, "metrics": {name: value for name, value in metrics.items() if name not in known}}


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
