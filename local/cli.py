"""The `everloop` command line."""

import sys

import typer
from rich.markup import escape

from everloop.errors import EverloopError
from local.commands import cloud, data, models, traffic
from local.commands.demo import demo
from local.console import stderr

app = typer.Typer(no_args_is_help=True, pretty_exceptions_enable=False, help="Continuous machine learning, serverless.")
for command in (
    demo,
    cloud.up,
    cloud.down,
    cloud.status,
    data.upload,
    data.batches,
    data.quarantine,
    data.datasets,
    models.check,
    models.train,
    models.models,
    models.versions,
    models.card,
    models.promote,
    models.rollback,
    models.history,
    models.monitor,
    traffic.predict,
    traffic.outcome,
):
    app.command()(command)


def main() -> None:
    """Entry point: an error raised on purpose becomes one readable message and exit code 1."""
    try:
        app()
    except EverloopError as error:
        stderr.print(f"[bold red]error:[/] {escape(str(error))}")
        sys.exit(1)


if __name__ == "__main__":
    main()
