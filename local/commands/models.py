"""Models and their versions: check, train, reproduce, models, versions, card, promote, rollback, history, monitor."""

from pathlib import Path
from typing import Annotated, Any

import typer

from local.commands.runs import print_run
from local.console import AsJson, Name, announced, moment, print_json, print_table, stderr, stdout, traffic_in_words
from local.loop import Loop
from local.target import Target
from local.watch import RunWatch

SHOWN_COLUMNS = 3
"""Of those that drifted: more make a table that nobody can read, and --json has all."""

Watch = Annotated[bool, typer.Option("--watch", help="Tell each step and each trial when it is done.")]


def check(as_json: AsJson = False) -> None:
    """Read every definition in models/, and say what is wrong with it or what its model learns from."""
    from local.definitions import checked_definitions
    from local.project import Project

    definitions = checked_definitions(Project.here().root / "models")
    if as_json:
        print_json([definition.model_dump(mode="json") for definition in definitions])
        return
    print_table(
        ["model", "task", "target", "columns", "history", "features", "metric", "algorithms"],
        [
            (
                d.name,
                d.task.value,
                d.data.target,
                len(d.model_columns),
                len(d.history_features),
                len(d.features),
                d.metric,
                ", ".join(d.algorithms),
            )
            for d in definitions
        ],
    )


def train(
    name: Name,
    reason: Annotated[str | None, typer.Option(help="Why, for the history.")] = None,
    as_of: Annotated[
        str | None, typer.Option(callback=moment, help="Train as if it were this moment (ISO 8601).")
    ] = None,
    watch: Watch = False,
    as_json: AsJson = False,
) -> None:
    """Train a candidate, judge it, and promote it, or try it beside the champion, if it passes its gates."""
    loop = Loop(announced(Target.current()))
    report = wait_and_print(loop, name, loop.train(name, reason=reason, as_of=as_of), watch=watch, as_json=as_json)
    if report["status"] == "failed":
        raise typer.Exit(1)


def reproduce(
    name: Name,
    version: Annotated[int, typer.Argument(help="The version that shall be made again.")],
    watch: Watch = False,
    as_json: AsJson = False,
) -> None:
    """Train a version again from its dataset and compare the bytes; nothing is registered or promoted."""
    loop = Loop(announced(Target.current()))
    report = wait_and_print(loop, name, loop.reproduce(name, version), watch=watch, as_json=as_json)
    if report["status"] != "reproduced":
        raise typer.Exit(1)


def wait_and_print(loop: Loop, name: str, run_id: str, *, watch: bool, as_json: bool) -> dict[str, Any]:
    """The report of the run, printed."""
    with stderr.status(f"run {run_id} …"):
        report = _watched(loop, name, run_id) if watch else loop.wait_for_run(name, run_id)
    if as_json:
        print_json(report)
    else:
        print_run(report)
    return report


def _watched(loop: Loop, name: str, run_id: str) -> dict[str, Any]:
    watch = RunWatch(loop, name, run_id, tell=stderr.print)
    report = loop.wait_for_run(name, run_id, meanwhile=watch.look)
    watch.tell_news()
    return report


def models(as_json: AsJson = False) -> None:
    """List the deployed models."""
    found = Loop(Target.current()).call("GET", "/models")["models"]
    if as_json:
        print_json(found)
        return
    print_table(
        ["model", "task", "champion", "experiment", "versions", "description"],
        [
            (m["model"], m["task"], m["champion"], traffic_in_words(m["traffic"]), len(m["versions"]), m["description"])
            for m in found
        ],
    )


def versions(name: Name, as_json: AsJson = False) -> None:
    """List the versions of a model with their metrics."""
    found = Loop(Target.current()).call("GET", f"/models/{name}/versions")["versions"]
    if as_json:
        print_json(found)
        return
    metrics = list(found[0]["metrics"]) if found else []
    print_table(
        ["version", "role", *metrics, "created", "run"],
        [
            (
                str(v["version"]),
                _role(v),
                *(v["metrics"][metric] for metric in metrics),
                v["created_at"][:19],
                v["run_id"],
            )
            for v in found
        ],
        ids=["run"],
    )


def card(
    name: Name,
    version: Annotated[int | None, typer.Argument(help="A version number; the champion's if left out.")] = None,
    save: Annotated[Path | None, typer.Option(help="Write card.md and its plots into this folder instead.")] = None,
) -> None:
    """Show the model card of a version."""
    from rich.markdown import Markdown

    loop = Loop(Target.current())
    number = loop.champion(name) if version is None else version
    text = loop.card(name, number)
    if save:
        files = {"card.md": text, **loop.plots(name, number)}
        save.mkdir(parents=True, exist_ok=True)
        for file, body in files.items():
            (save / file).write_text(body, "utf-8")
        plots = ", ".join(file for file in files if file != "card.md") or "no plot"
        stdout.print(f"card of version {number} and {plots} written to {save / 'card.md'}")
        return
    stdout.print(Markdown(text) if stdout.is_terminal else text)


def promote(
    name: Name,
    version: Annotated[int, typer.Argument(help="The version that shall answer.")],
    reason: Annotated[str | None, typer.Option(help="Why, for the history.")] = None,
    as_json: AsJson = False,
) -> None:
    """Make a version the champion."""
    body = {"version": version, **({"reason": reason} if reason else {})}
    print_aliases(Loop(announced(Target.current())).call("POST", f"/models/{name}/promote", body), as_json)


def rollback(
    name: Name,
    reason: Annotated[str | None, typer.Option(help="Why, for the history.")] = None,
    as_json: AsJson = False,
) -> None:
    """Give the championship back to the version before."""
    body = {"reason": reason} if reason else {}
    print_aliases(Loop(announced(Target.current())).call("POST", f"/models/{name}/rollback", body), as_json)


def history(
    name: Name,
    at: Annotated[
        str | None, typer.Option(callback=moment, help="Only who was champion at this moment (ISO 8601).")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Tell who was champion when, which experiments ran beside, and why."""
    loop = Loop(Target.current())
    found = loop.champion_at(name, at) if at else loop.call("GET", f"/models/{name}/history")
    if as_json:
        print_json(found)
        return
    if at:
        stdout.print(_who_was_champion(found))
        return
    print_table(
        ["epoch", "at", "action", "champion", "before", "experiment", "by", "reason"],
        [
            (
                str(c["epoch"]),
                c["at"][:19],
                c["action"],
                str(c["champion"]),
                c["previous"],
                traffic_in_words(c["traffic"]),
                c["by"],
                c["reason"],
            )
            for c in found["history"]
        ],
    )


def monitor(
    name: Name,
    check: Annotated[bool, typer.Option("--check", help="Check now, as the schedule would.")] = False,
    at: Annotated[
        str | None, typer.Option(callback=moment, help="With --check: as if it were this moment (ISO 8601).")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Show the monitoring checks of a model, newest last."""
    from datetime import UTC, datetime

    if at and not check:
        raise typer.BadParameter("--at goes with --check")
    loop = Loop(Target.current())
    if check:
        loop.check(name, at or datetime.now(UTC).isoformat(timespec="seconds"))
    found = loop.call("GET", f"/models/{name}/monitoring")["checks"]
    if as_json:
        print_json(found)
        return
    print_table(
        ["check", "version", "rows", "outcomes", "metric", "verdict", "drifted", "history", "retraining"],
        [
            (
                c["check_id"],
                c["version"],
                c["rows"],
                _outcomes(c),
                f"{c['performance']['metric']} {c['performance']['value']:.4f}" if c["performance"] else None,
                c["verdict"],
                _drifted(c["columns"]),
                _history_skew(c),
                c["retraining"] or c["held_back"],
            )
            for c in found
        ],
        ids=["check"],
    )


def _outcomes(check: dict[str, Any]) -> str:
    """How many were joined with predictions, and how many name a prediction that nobody made."""
    unknown = check["unknown_outcomes"]
    return f"{check['outcomes']:,}" + (f" and {unknown:,} UNKNOWN" if unknown else "")


def _history_skew(check: dict[str, Any]) -> str | None:
    """How many of the predictions looked at had other history than training rows of their moments."""
    skew = check["history_skew"]
    if skew is None:
        return "not checked, see --json" if check["history_problem"] else None
    if not skew["different"]:
        return f"as in training ({skew['rows']:,})"
    worst = sorted(skew["columns"], key=lambda column: -skew["columns"][column])
    return f"{skew['different']:,} of {skew['rows']:,} DIFFER: {_first(worst)}"


def _drifted(columns: list[dict[str, Any]]) -> str | None:
    """Those that moved most, by the population stability index."""
    moved = sorted((column for column in columns if column["drifted"]), key=lambda column: -column["psi"])
    return _first([column["column"] for column in moved]) or None


def _first(names: list[str]) -> str:
    more = len(names) - SHOWN_COLUMNS
    return ", ".join(names[:SHOWN_COLUMNS]) + (f" and {more} more" if more > 0 else "")


def _who_was_champion(found: dict[str, Any]) -> str:
    change = found["change"]
    if change is None:
        return f"{found['model']} had no champion at {found['at']}"
    return "\n".join(
        [
            f"version {found['champion']} was champion of {found['model']} at {found['at']}",
            f"  {change['action']} (epoch {change['epoch']}) by {change['by']}: {change['reason']}",
            f"  from {change['at']} until {found['until'] or 'now'}",
            *([f"  beside it: {traffic_in_words(found['traffic'])}"] if found["traffic"] else []),
        ]
    )


def print_aliases(aliases: dict[str, Any], as_json: bool) -> None:
    if as_json:
        print_json(aliases)
        return
    stdout.print(f"version {aliases['champion']} is champion of {aliases['model']} (epoch {aliases['epoch']})")
    if aliases["traffic"]:
        stdout.print(f"  beside it: {traffic_in_words(aliases['traffic'])}")


def _role(version: dict[str, Any]) -> str:
    return "champion" if version["champion"] else "challenger" if version["challenger"] else ""
