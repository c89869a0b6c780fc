"""Training runs: compare them, or look into one."""

from datetime import datetime
from itertools import count
from typing import Annotated, Any

import typer
from rich.markup import escape

from local.console import AsJson, Name, one_of, print_json, print_table, stdout
from local.loop import Loop
from local.target import Target

SHORTEST_ID = 13
"""Characters: those that tell the millisecond."""
SHOWN_CHARACTERS = 48
"""Of a reason in a table; the run itself and --json have all."""


def runs(
    name: Name,
    run_id: Annotated[str | None, typer.Argument(help="One run; the beginning of its id will do.")] = None,
    as_json: AsJson = False,
) -> None:
    """Compare the training runs of a model, or show how one ended: its trials, metrics and gates."""
    loop = Loop(Target.current())
    shown: Any = loop.runs(name) if run_id is None else loop.ended_run(name, _whole_id(loop, name, run_id))
    if as_json:
        print_json(shown)
    elif run_id is None:
        _print_list(shown)
    else:
        print_run(shown)
        print_trials(shown)


def _whole_id(loop: Loop, name: str, beginning: str) -> str:
    """A run that is not listed goes on, or never began: the API says so."""
    known = [run["run_id"] for run in loop.runs(name)]
    if not any(run_id.startswith(beginning) for run_id in known):
        return beginning
    return one_of(known, beginning, f"run of {name!r}", see=f"everloop runs {name}")


def _print_list(listed: list[dict[str, Any]]) -> None:
    names = {run["metric"] for run in listed if run["metric"]}
    one = next(iter(names)) if len(names) == 1 else None  # then it is named once
    ids = _beginnings([run["run_id"] for run in listed])
    print_table(
        ["run", "ended", "why", "dataset", "algorithm", one or "metric", "champion", "result", "s"],
        [
            (
                run_id,
                run["finished_at"][:16].replace("T", " "),
                _in_short(run["asked_because"]),
                run["dataset_version"],
                run["algorithm"],
                _metric(run, named=one is None),
                _champion(run),
                _result(run),
                _seconds(run),
            )
            for run_id, run in zip(ids, listed, strict=True)
        ],
        ids=["run"],
    )


def _beginnings(ids: list[str]) -> list[str]:
    """As much of each as tells them apart, which is all that a command needs."""
    return next(
        cut for digits in count(SHORTEST_ID) if len(set(cut := [run_id[:digits] for run_id in ids])) == len(set(ids))
    )


def print_run(report: dict[str, Any]) -> None:
    """How a run ended, and by which gates."""
    version = f" version {report['version']}" if report["version"] else ""
    stdout.print(f"run {report['run_id']}: [bold]{report['status']}[/]{version}", markup=True)
    if report["metrics"]:
        stdout.print("  " + ", ".join(f"{name} {value:.4f}" for name, value in report["metrics"].items()))
    for gate in report["gates"]:
        mark = "[green]passed [/]" if gate["passed"] else "[red]refused[/]"
        stdout.print(f"  {mark} {escape(gate['name'])}: {escape(gate['detail'])}", markup=True)
    if report["choice"]:
        stdout.print(f"  {report['choice']}")
    if report["status"] == "failed":
        stdout.print(f"  {report['error']['type']}: {report['reason']}")
    elif report["reproduces"] or _is_told(report):
        stdout.print(f"  {report['reason']}")


def _is_told(report: dict[str, Any]) -> bool:
    """Why a version that passed its gates is not champion (yet); without a reason of its own a person shall decide."""
    return report["status"] in ("challenging", "registered") and report["reason"] != report["asked_because"]


def print_trials(report: dict[str, Any]) -> None:
    stdout.print(f"  asked for by {report['requested_by']}: {report['asked_because']}")
    stdout.print(f"  dataset {report['dataset_version'] or '–'}, as of {report['as_of']}")
    for note in report["notes"]:
        stdout.print(f"  {note}")
    if judged := _metric(report):
        stdout.print(f"  judged by {judged}; the champion's {_champion(report) or '–'}")
    if len(rungs := report["rungs"]) > 1:
        stdout.print(f"  judged in {len(rungs)} rungs, on {', '.join(f'{rows:,}' for rows in rungs)} training rows")
    print_table(
        ["trial", "", "algorithm", "parameters", report["metric"] or "value", "s", "lost by"],
        [
            (
                str(trial["trial"]),
                _fate(trial, report),
                trial["algorithm"],
                _parameters(trial["parameters"]),
                trial["value"],
                None if trial["seconds"] is None else f"{trial['seconds']:,.1f}",
                trial["error"],
            )
            for trial in report["trials"]
        ],
    )


def _fate(trial: dict[str, Any], report: dict[str, Any]) -> str:
    if trial["trial"] == report["chosen_trial"]:
        return "chosen"
    rungs = len(report["rungs"])
    is_dropped = trial["rung"] is not None and trial["rung"] + 1 < rungs
    return f"dropped after rung {trial['rung'] + 1} of {rungs}" if is_dropped else ""


def _parameters(parameters: dict[str, Any]) -> str | None:
    return ", ".join(f"{name}={value}" for name, value in parameters.items()) or None


def _metric(run: dict[str, Any], *, named: bool = True) -> str | None:
    """`roc_auc 0.8123 (0.7900 to 0.8300)`; the interval of the holdout's rows at 95 %."""
    name = run["metric"]
    if name is None:
        return None
    bounds = run["intervals"].get(name)
    value = f"{name} {run['metrics'][name]:.4f}" if named else f"{run['metrics'][name]:.4f}"
    return value + (f" ({bounds['low']:.4f} to {bounds['high']:.4f})" if bounds else "")


def _champion(run: dict[str, Any]) -> str | None:
    """The same metric of the version that was champion, on the rows that were new to it."""
    champion = run["champion"]
    return champion and f"{champion['metrics'][run['metric']]:.4f} (version {champion['version']})"


def _result(run: dict[str, Any]) -> str:
    """`promoted version 3`, `challenging version 4`, `refused by champion, size`, `failed: 12 rows …`."""
    if run["status"] == "failed":
        return _in_short(f"failed: {run['reason']}")
    version = f" version {run['version']}" if run["version"] else ""
    refusals = f" by {', '.join(run['gates_failed'])}" if run["gates_failed"] else ""
    return f"{run['status']}{version}{refusals}"


def _in_short(text: str) -> str:
    return text if len(text) <= SHOWN_CHARACTERS else f"{text[: SHOWN_CHARACTERS - 2].rstrip()} …"


def _seconds(run: dict[str, Any]) -> str | None:
    if run["started_at"] is None:
        return None
    ended, began = (datetime.fromisoformat(run[name]) for name in ("finished_at", "started_at"))
    return f"{(ended - began).total_seconds():,.1f}"
