"""The `everloop` command line."""

import sys
from typing import NoReturn

import typer
from rich.markup import escape

from everloop.errors import EverloopError
from local.commands import cloud, data, experiments, imports, models, traffic
from local.commands.datasets import datasets
from local.commands.demo import demo
from local.commands.docs import docs
from local.commands.new import new
from local.commands.replay import replay
from local.commands.runs import runs
from local.commands.why import why
from local.console import stderr

app = typer.Typer(no_args_is_help=True, pretty_exceptions_enable=False, help="Continuous machine learning, serverless.")
for command in (
    demo,
    cloud.up,
    cloud.down,
    cloud.status,
    docs,
    new,
    data.upload,
    data.batches,
    data.quarantine,
    datasets,
    models.check,
    models.train,
    models.reproduce,
    runs,
    models.models,
    models.versions,
    models.card,
    models.promote,
    models.rollback,
    models.history,
    models.monitor,
    traffic.predict,
    why,
    replay,
):
    app.command()(command)
app.command("import")(imports.import_model)
app.add_typer(experiments.app, name="experiment")
# What really happened may be a negative number, which is no option.
app.command(context_settings={"ignore_unknown_options": True})(traffic.outcome)

AWS_LIBRARIES = {"boto3", "botocore"}


def main() -> None:
    """Entry point: an error raised on purpose becomes one readable message and exit code 1."""
    try:
        app()
    except EverloopError as error:
        _fail(str(error))
    except Exception as error:
        if not _is_from_aws(error):
            raise
        _fail(" ".join(str(error).split()))


def _is_from_aws(error: Exception) -> bool:
    """By name: the classes take 0.2 s to import, and boto3 makes some of them at run time."""
    return any(base.__module__.partition(".")[0] in AWS_LIBRARIES for base in type(error).__mro__)


def _fail(message: str) -> NoReturn:
    stderr.print(f"[bold red]error:[/] {escape(message)}", markup=True)
    sys.exit(1)


if __name__ == "__main__":
    main()
