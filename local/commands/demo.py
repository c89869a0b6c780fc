"""`everloop demo`: the whole loop on real flights, told as it happens."""

import json
import shutil
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape

from local.console import AsJson, print_json, print_table, stderr, stdout
from local.project import Project

if TYPE_CHECKING:
    from local.demo.story import Report

REPORT_FILE = "demo-report.json"
HOME = "demo"
"""The demo lives in a cloud of its own, so that it neither meets nor harms what you have in yours."""


def demo(
    keep: Annotated[bool, typer.Option("--keep", help="Leave the demo's cloud running, to look around in it.")] = False,
    as_json: AsJson = False,
) -> None:
    """Live through the flights of 2013: train, predict, watch, retrain, roll back. About three minutes."""
    from local.cloud import process

    here = Project.here()
    project = Project(root=here.root, home=here.home / HOME)
    process.stop(project)
    shutil.rmtree(project.state, ignore_errors=True)
    started = time.monotonic()
    try:
        report = _live(project, as_json)
    finally:
        if not keep:
            process.stop(project)
    report["seconds"] = round(time.monotonic() - started, 1)
    path = here.home / REPORT_FILE
    path.write_text(json.dumps(report, indent=2) + "\n")
    if as_json:
        print_json(report)
    else:
        _print_end(report, path, keep, project)


def _live(project: Project, as_json: bool) -> dict[str, Any]:
    from local.cloud.up import bring_up
    from local.demo.story import Story
    from local.loop import Loop
    from local.target import Target

    with _progress(as_json) as tell:
        seconds: dict[str, float] = {}

        @contextmanager
        def phase(name: str) -> Iterator[None]:
            tell(f"{name} the local cloud")
            begun = time.monotonic()
            yield
            seconds[name] = round(time.monotonic() - begun, 1)

        result = bring_up(project, _free_port(), phase)
        story = Story(Loop(Target(result.cloud)), tell)
        report: Report = story.live()
    return {**report.to_json(), "phases": {**seconds, **report.phases}}


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def _progress(as_json: bool) -> "Iterator[Any]":
    """A line for everything that happened, and below them what happens now with its time."""
    from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    columns = (SpinnerColumn(), TextColumn("{task.description}", markup=False), TimeElapsedColumn())
    with Progress(*columns, console=stderr, transient=True, disable=as_json) as progress:
        task = progress.add_task("starting")
        begun = time.monotonic()

        def tell(line: str) -> None:
            progress.update(task, description=line)
            if not as_json:
                progress.console.print(f"[dim]{time.monotonic() - begun:6.1f} s[/]  {escape(line)}", markup=True)

        yield tell


def _print_end(report: dict[str, Any], path: Path, keep: bool, project: Project) -> None:
    stdout.print()
    print_table(
        ["month", "flights", "AUC frozen", "AUC loop", "drifted columns", "verdict", "champion", "then"],
        [
            (
                month["month"],
                month["rows"],
                f"{month['auc_frozen']:.3f}",
                f"{month['auc_loop']:.3f}",
                ", ".join(month["drifted_columns"]) or None,
                month["verdict"],
                month["champion_version"],
                (month["retraining"] or "–").split(":")[0],
            )
            for month in report["months"]
        ],
    )
    if report["rollback_effective_s"] is not None:
        stdout.print(
            f"\nrollback answered after {report['rollback_effective_s']:.2f} s, "
            f"promotion after {report['promote_effective_s']:.2f} s"
        )
    stdout.print(
        f"{report['predictions']:,} predictions and {report['outcomes']:,} outcomes over HTTP, "
        f"{report['needless_retrainings']} needless retrainings, {report['seconds']:.0f} s in all; {path}"
    )
    if keep:
        stdout.print(f"its cloud still runs: EVERLOOP_HOME={project.home} everloop versions flight-delay")
