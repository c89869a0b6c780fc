"""What every command prints with."""

import json
import re
import sys
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from local.errors import ApiError
from local.target import Target

PIPED_WIDTH = 240
"""A file or another program has no width of its own; nothing is cut off for it."""

stdout = Console(highlight=False, emoji=False, soft_wrap=True, width=None if sys.stdout.isatty() else PIPED_WIDTH)
stderr = Console(stderr=True, highlight=False, emoji=False, soft_wrap=True)

MODEL_NAME = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
MODEL_NAME_LENGTH = 63


def _model_name(text: str) -> str:
    if len(text) > MODEL_NAME_LENGTH or not MODEL_NAME.fullmatch(text):
        raise typer.BadParameter(f"expected a model's name such as flight-delay, got {text!r}")
    return text


def moment(text: str | None) -> str | None:
    """Check an option that holds a moment; the deployed loop reads it again, in words meant for programs."""
    try:
        if text is not None:
            datetime.fromisoformat(text)
    except ValueError as error:
        raise typer.BadParameter(f"expected a moment such as 2026-01-31T00:00:00Z, got {text!r}") from error
    return text


AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document instead of text.")]
Name = Annotated[str, typer.Argument(callback=_model_name, help="The model's name, as in models/<name>.toml.")]


def announced(target: Target) -> Target:
    """`target`, told beforehand if a change would go to an AWS account."""
    if target.kind == "aws":
        stderr.print(f"target: AWS, {target.region or 'no region set'}", markup=False)
    return target


def one_of(known: Sequence[str], beginning: str, kind: str, *, see: str) -> str:
    """The one id that is this text, or begins with it; raises ApiError."""
    found = [beginning] if beginning in known else [name for name in known if name.startswith(beginning)]
    if len(found) != 1:
        which = f"begins {len(found)} ids: {', '.join(found[:5])}" if found else "is none"
        raise ApiError(f"expected the id of a {kind}, got {beginning!r}, which {which}; see `{see}`")
    return found[0]


def print_json(document: Any) -> None:
    sys.stdout.write(json.dumps(document, indent=2, default=str) + "\n")


def print_table(columns: Sequence[str], rows: Iterable[Sequence[Any]], *, title: str | None = None) -> None:
    """Numbers stand right, everything else left."""
    table = Table(title=title, title_justify="left", box=None, pad_edge=False, header_style="bold")
    cells = [list(row) for row in rows]
    for place, column in enumerate(columns):
        is_number = all(isinstance(row[place], int | float) for row in cells if row[place] is not None)
        table.add_column(escape(column), justify="right" if is_number and cells else "left")
    for row in cells:
        table.add_row(*(_cell(value) for value in row))
    stdout.print(table)


def _cell(value: Any) -> str:
    if value is None:
        return "–"
    if isinstance(value, float):
        return f"{value:.4f}"
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else escape(str(value))
