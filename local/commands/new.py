"""A definition from a file: new."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape

from everloop.contracts.definition import parse_definition
from everloop.contracts.tasks import Task
from everloop.errors import DefinitionError
from local.console import AsJson, Name, print_json, print_table, stdout
from local.project import Project

if TYPE_CHECKING:
    from everloop.drafting.drafted import Draft


def new(
    name: Name,
    file: Annotated[Path, typer.Argument(help="Rows to learn from, in any format that `upload` takes.")],
    *,
    target: Annotated[str, typer.Option(help="The column to predict.")],
    task: Annotated[Task | None, typer.Option(help="What to learn, if the target's values mislead.")] = None,
    force: Annotated[bool, typer.Option("--force", help="Overwrite a definition of this name.")] = False,
    print_only: Annotated[
        bool, typer.Option("--print", "--dry-run", help="Print the TOML, and write nothing.")
    ] = False,
    models: Annotated[Path | None, typer.Option(help="The folder to write to; models/ of this checkout.")] = None,
    as_json: AsJson = False,
) -> None:
    """Look at every row of a file and write the definition of a model that learns from it."""
    if not file.is_file():
        raise typer.BadParameter(f"there is no file {str(file)!r}")
    path = (models or Project.here().root / "models") / f"{name}.toml"
    if path.exists() and not force and not print_only:
        raise DefinitionError(f"{path} exists; choose another name, or overwrite it with --force")
    from everloop.drafting.draft import draft
    from everloop.drafting.render import render

    drafted = draft(name, file, target, task=task)
    toml = render(drafted)
    _check(toml, path.name)
    if not print_only:
        path.parent.mkdir(exist_ok=True)
        path.write_text(toml, "utf-8")
    if as_json:
        print_json(_document(drafted, toml, None if print_only else path))
    elif print_only:
        stdout.print(toml, end="")
    else:
        _show(drafted, path, file)


def _check(toml: str, source: str) -> None:
    from everloop.features.check import check_expressions

    check_expressions(parse_definition(toml, source=source))


def _show(drafted: "Draft", path: Path, file: Path) -> None:
    goal = drafted.goal
    stdout.print(
        f"{escape(drafted.file)}: {drafted.rows:,} rows, [bold]{goal.task}[/] of {escape(drafted.target)}"
        f" ({escape(goal.why)})\n",
        markup=True,
    )
    print_table(
        ["column", "type", "role", "nulls", "range or levels", "note"],
        [(c.name, c.column.type, c.role, c.nulls, c.shown, c.why) for c in drafted.declared],
    )
    if drafted.features:
        stdout.print(f"\nfeatures: {', '.join(drafted.features.values())}")
    if drafted.left_out:
        stdout.print("\nleft out")
        for column in drafted.left_out:
            stdout.print(f"  {column.name}: {column.why}")
    if drafted.suspects:
        stdout.print("\n[yellow]left out as leak suspects; declare what is known before the target[/]", markup=True)
        for column in drafted.suspects:
            stdout.print(f"  [yellow]{escape(column.name)}[/]: {escape(column.why)}", markup=True)
    for note in drafted.notes:
        stdout.print(f"\n[yellow]note:[/] {escape(note)}", markup=True)
    stdout.print(f"\nwritten to {path}: read it, then")
    for command in ("up", f"upload {drafted.name} {file}", f"train {drafted.name}"):
        stdout.print(f"  everloop {command}")


def _document(drafted: "Draft", toml: str, path: Path | None) -> dict[str, Any]:
    return {
        "name": drafted.name,
        "task": drafted.goal.task,
        "target": drafted.target,
        "timestamp": drafted.timestamp,
        "rows": drafted.rows,
        "columns": [
            {
                "name": column.name,
                "role": column.role,
                "nulls": column.facts.rows - column.facts.present if column.facts else 0,
                "seen": column.shown,
                "why": column.why,
                "column": column.column.model_dump(mode="json", exclude_defaults=True),
            }
            for column in drafted.columns
        ],
        "notes": drafted.notes,
        "path": path and str(path),
        "toml": toml,
    }
