"""The local cloud: up, down, status."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from typing import Annotated, Any

import typer
from rich.markup import escape

from local.cloud import process
from local.console import AsJson, print_json, stderr, stdout
from local.project import Project
from local.target import Target

INTERRUPTED = 130
"""What a shell expects of a program that Ctrl-C ended: 128 + SIGINT."""


def up(
    port: Annotated[
        int | None,
        typer.Option(min=1, max=65535, help=f"Port of the local cloud (default {process.DEFAULT_PORT})."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Start the local cloud, deploy the app to it, and print where it answers."""
    from local.cloud.up import bring_up

    seconds: dict[str, float] = {}

    @contextmanager
    def phase(name: str) -> Iterator[None]:
        begun = time.monotonic()
        with stderr.status(f"{name} …"):
            yield
        seconds[name] = round(time.monotonic() - begun, 2)
        if not as_json:
            stdout.print(f"{name:<12}{seconds[name]:>6.1f} s")

    project = Project.here()
    try:
        result = bring_up(project, port, phase)
    except KeyboardInterrupt as interrupt:
        cloud = process.running(project)
        left = f"the local cloud still runs, as before, with pid {cloud.pid}" if cloud else "nothing is left running"
        stderr.print(f"interrupted; {left}")
        raise typer.Exit(INTERRUPTED) from interrupt
    if as_json:
        print_json({**asdict(result), "seconds": seconds})
        return
    for warning in result.warnings:
        stderr.print(f"[yellow]warning:[/] {escape(warning)}", markup=True)
    changed = ", ".join(stack.name for stack in result.stacks if stack.action != "unchanged")
    since = "already running" if result.already_running else "running"
    stdout.print(f"\n{since} with pid {result.cloud.pid}, {f'deployed {changed}' if changed else 'nothing to deploy'}")
    stdout.print(f"API   [bold]{result.api_url}[/]", markup=True)
    stdout.print(f"key   [bold]{result.api_key}[/]  (header x-api-key)", markup=True)
    after = "[bold]everloop demo[/] runs a whole loop, [bold]everloop status[/], [bold]everloop down[/]"
    stdout.print(f"\nNext: {after}", markup=True)


def down(as_json: AsJson = False) -> None:
    """Stop the local cloud. Its state stays in .everloop/ for the next `up`."""
    stopped = process.stop(Project.here())
    if as_json:
        print_json({"stopped": asdict(stopped) if stopped else None})
    elif stopped is None:
        stdout.print("the local cloud was not running")
    else:
        stdout.print(f"stopped the local cloud (pid {stopped.pid}) in {stopped.seconds:.1f} s")
    if stopped is not None and stopped.killed:
        lost = "it did not obey in time and was killed: its latest state may be lost"
        stderr.print(f"[yellow]warning:[/] {lost}", markup=True)


def status(
    key: Annotated[bool, typer.Option("--key", help="Print the API key, and nothing else.")] = False,
    as_json: AsJson = False,
) -> None:
    """Say where commands go and what is deployed there."""
    target = Target.current()
    if key:
        secret = target.api_key()
        print_json({"api_key": secret}) if as_json else stdout.print(secret)
        return
    outputs = target.outputs()
    report: dict[str, Any] = {
        "target": target.kind,
        "cloud": asdict(target.cloud) if target.cloud else None,
        "api_url": target.api_url,
        "outputs": outputs,
    }
    if as_json:
        print_json(report)
        return
    place = f"local cloud, pid {target.cloud.pid}, since {target.cloud.started_at}" if target.cloud else "AWS"
    stdout.print(f"target   {place}\nAPI      [bold]{report['api_url']}[/]", markup=True)
    stdout.print("key      `everloop status --key` prints it, for the header x-api-key")
    for name, value in sorted(outputs.items()):
        stdout.print(f"  {name:<32}{value}")
