"""What every command prints with."""

import json
import os
import re
import sys
from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from typing import Annotated, Any, Literal

import typer
from rich.cells import cell_len
from rich.console import Console
from rich.table import Table

from local.errors import ApiError
from local.target import Target

PIPED_WIDTH = 240
"""A file or another program has no width of its own; nothing is cut off for it."""

stdout = Console(
    highlight=False,
    emoji=False,
    markup=False,  # a column may be called `Tool wear [min]`; a line in styles asks for markup, and escapes its data
    soft_wrap=True,
    width=None if sys.stdout.isatty() or os.environ.get("COLUMNS") else PIPED_WIDTH,
)
stderr = Console(stderr=True, highlight=False, emoji=False, markup=False, soft_wrap=True)

_GAP = 2
"""Blanks between two columns."""
_NARROWEST = 4
"""Characters of a column; in fewer nobody reads a folded text."""

MODEL_NAME = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
MODEL_NAME_LENGTH = 63
_DURATION = re.compile(r"(\d+)\s*(m|minutes?|h|hours?|d|days?|w|weeks?)")
_UNITS = {"m": "minute", "h": "hour", "d": "day", "w": "week"}


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


def duration(text: str | None) -> str | None:
    """As contracts write it: `7d` is `7 days`."""
    if text is None:
        return None
    match = _DURATION.fullmatch(text.strip())
    if not match or int(match[1]) == 0:
        raise typer.BadParameter(f"expected a duration such as 7d, 12h or '7 days', got {text!r}")
    count, unit = int(match[1]), _UNITS[match[2][0]]
    return f"{count} {unit}" + ("" if count == 1 else "s")


AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document instead of text.")]
Name = Annotated[str, typer.Argument(callback=_model_name, help="The model's name, as in models/<name>.toml.")]


def announced(target: Target) -> Target:
    """`target`, told beforehand if a change would go to an AWS account."""
    if target.kind == "aws":
        stderr.print(f"target: AWS, {target.region or 'no region set'}")
    return target


def traffic_in_words(traffic: dict[str, Any] | None) -> str | None:
    """`canary: version 3, 25 %`"""
    if traffic is None:
        return None
    return f"{traffic['mode']}: version {traffic['challenger']}, {100 * traffic['share']:g} %"


def one_of(known: Sequence[str], beginning: str, kind: str, *, see: str) -> str:
    """The one id that is this text, or begins with it; raises ApiError."""
    found = [beginning] if beginning in known else [name for name in known if name.startswith(beginning)]
    if len(found) != 1:
        which = f"begins {len(found)} ids: {', '.join(found[:5])}" if found else "is none"
        raise ApiError(f"expected the id of a {kind}, got {beginning!r}, which {which}; see `{see}`")
    return found[0]


def print_json(document: Any) -> None:
    sys.stdout.write(json.dumps(document, indent=2, default=str) + "\n")


def print_table(
    columns: Sequence[str], rows: Iterable[Sequence[Any]], *, title: str | None = None, ids: Collection[str] = ()
) -> None:
    """Numbers stand right, everything else left; in a narrow window `ids` and numbers stay whole, and texts fold."""
    table = Table(title=title, title_justify="left", box=None, pad_edge=False, header_style="bold")
    given = [list(row) for row in rows]
    shown = [[_shown(value) for value in row] for row in given]
    places = range(len(columns))
    numbers = [bool(given) and all(isinstance(row[place], int | float | None) for row in given) for place in places]
    widest = [max((cell_len(row[place]) for row in shown), default=0) for place in places]
    wanted = [max(cell_len(columns[place]), widest[place]) for place in places]
    kept = [widest[place] if numbers[place] or columns[place] in ids else 0 for place in places]
    widths = _fitted(wanted, kept, stdout.width - _GAP * (len(columns) - 1))
    for place in places:
        justify: Literal["left", "right"] = "right" if numbers[place] else "left"
        width = widths[place]  # as a minimum, since rich would cut below a mere `width`
        table.add_column(columns[place], justify=justify, overflow="fold", min_width=width, max_width=width)
    for row in shown:
        table.add_row(*row)
    stdout.print(table)


def _fitted(wanted: Sequence[int], kept: Sequence[int], available: int) -> list[int]:
    """The widest columns give way first, each down to what it keeps; where that is too little, lines are too long.

    >>> _fitted([16, 30, 8], kept=[16, 0, 0], available=40), _fitted([16, 30, 8], kept=[16, 0, 6], available=20)
    ([16, 16, 8], [16, 4, 6])
    """
    least = [min(width, max(keep, _NARROWEST)) for width, keep in zip(wanted, kept, strict=True)]
    widths = [max(low, min(width, available)) for width, low in zip(wanted, least, strict=True)]
    while sum(widths) > available and widths != least:
        place = max(range(len(widths)), key=lambda place: (widths[place] > least[place], widths[place]))
        widths[place] -= 1
    return widths


def _shown(value: Any) -> str:
    if value is None:
        return "–"
    if isinstance(value, float):
        return f"{value:.4f}"
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)
